"""A shard's server is killed in the middle of a rebalance, and comes back later.

The move that it was in the middle of is taken back, or held until it is back; the shard's other
moves are left; those of other shards go on meanwhile. The servers are this file's own.
"""

import threading
from datetime import timedelta
from functools import partial

import pytest

from sharding.moves.models import Move
from sharding.moves.services import acting, pausing
from sharding.moves.types import MoveRequest
from sharding.placements.models import Shard
from sharding.placements.services.placing import get_placement
from sharding.rebalance.models import Pin, Rebalance, RebalanceStep
from sharding.rebalance.services import job, running
from sharding.rebalance.services.planning import look
from sharding.rebalance.services.running import work_on_rebalance
from sharding.rebalance.services.wishes import pin_tenant
from sharding.rebalance.states import RebalanceState, StepState
from tenants.rebalancing import mover
from tests.fixtures.connections import forget_connections
from tests.fixtures.servers import prepared_stack
from tests.fixtures.waiting import wait_for
from tests.integration.archives.conftest import make
from tests.integration.moves.conftest import Mover, may_write, settled

pytestmark = pytest.mark.slow

CONTROL = "control"
DIES = "beta"
UNTIL_SWITCH = ("copy.done", "fence.done")
SINCE_SWITCH = ("switch.after", "drop_source.begin")


@pytest.fixture(scope="module")
def servers(django_db_blocker):
    shards = ("alpha", "beta", "gamma")
    with django_db_blocker.unblock(), prepared_stack(redis=False, shards=shards) as made:
        Shard.objects.using(CONTROL).filter(pk="alpha").update(moves_at_once=4)
        Shard.objects.using(CONTROL).exclude(pk="alpha").update(moves_at_once=1)
        yield made


@pytest.fixture
def dies_at(servers, monkeypatch):
    """Has the shard's server killed when a move from it or to it comes to a point; once."""
    of = threading.local()
    move = mover.TenantMover.move
    dead = threading.Event()

    def moves(self, tenant_id, target, *, asked_by):
        of.shard = target if target == DIES else get_placement(tenant_id).shard_id
        return move(self, tenant_id, target, asked_by=asked_by)

    def put(point):
        def reached(name):
            if name == point and getattr(of, "shard", "") == DIES and not dead.is_set():
                dead.set()
                servers.server(DIES).kill()

        monkeypatch.setattr(mover.TenantMover, "move", moves)
        for module in (acting, pausing):
            monkeypatch.setattr(module, "reach", reached)
        return dead

    yield put
    servers.server(DIES).start()
    forget_connections()


@pytest.fixture(autouse=True)
def _only_what_is_pinned_moves(settings, monkeypatch):
    patient = partial(MoveRequest, max_pause=timedelta(seconds=30))
    monkeypatch.setattr(mover, "MoveRequest", patient)
    monkeypatch.setattr(running, "_LOOKS_S", 0.5)
    settings.ATOLL_REBALANCE_ENTER = 1
    settings.ATOLL_REBALANCE_LEAVE = 1
    settings.ATOLL_REBALANCE_FLOOR = 1


@pytest.fixture
def tenants(servers, request):
    """Of a test: two that the shard is to get or to give, and two that have nothing to do with it.

    Asked for by where the first two live and go.
    """
    home, there = request.param
    name = f"{home}-{len(request.node.name)}"
    made = [Mover(make(f"{name}-{number}", home).slug) for number in (1, 2)]
    others = [Mover(make(f"{name}-{number}", "alpha").slug) for number in (3, 4)]
    for tenant in made:
        pin_tenant(tenant.id, to=there)
    for tenant in others:
        pin_tenant(tenant.id, to="gamma")
    yield made, others, there
    Pin.objects.using(CONTROL).all().delete()


def begin() -> Rebalance:
    made = look({})
    row = job.propose(made, {})
    return job.approve(row.pk, plan_id=made.plan.id)


def steps_of(row, tenants) -> list[str]:
    found = RebalanceStep.objects.using(CONTROL).filter(rebalance=row)
    return sorted(
        found.filter(tenant_id__in=[one.id for one in tenants]).values_list("state", flat=True)
    )


def work_until(truth) -> None:
    """As beat and its workers do: again and again."""

    def worked():
        work_on_rebalance()
        return truth()

    wait_for(worked, "the job does not come that far", seconds=180)


def state_of(row) -> str:
    return Rebalance.objects.using(CONTROL).get(pk=row.pk).state


GETS, GIVES = ("alpha", DIES), (DIES, "alpha")


@pytest.mark.parametrize("tenants", [GETS, GIVES], indirect=True, ids=["target", "source"])
@pytest.mark.parametrize("point", [*UNTIL_SWITCH, *SINCE_SWITCH])
def test_its_moves_wait_or_are_taken_back_and_those_of_others_go_on(
    servers, tenants, dies_at, point
):
    ours, others, there = tenants
    dead = dies_at(point)
    row = begin()
    work_until(lambda: steps_of(row, others) == [StepState.DONE] * 2)
    assert dead.is_set(), f"no move came to {point}"
    assert {tenant.shard for tenant in others} == {"gamma"}
    # One was under way; the other one was not begun, and waits for a plan that has its shard.
    assert StepState.MOVING not in steps_of(row, ours)
    assert StepState.SKIPPED in steps_of(row, ours)
    moved = [tenant for tenant in ours if tenant.shard == there]
    assert len(moved) == (point in SINCE_SWITCH)
    for tenant in ours:
        if tenant.shard != DIES:
            assert may_write(tenant.id, tenant.shard), "who lives elsewhere works"

    servers.server(DIES).start()
    forget_connections()
    work_until(lambda: state_of(row) == RebalanceState.DONE)
    # What was left while the shard was away is in the next plan, unless it came back in time.
    if look({}).plan.steps:
        row = begin()
        work_until(lambda: state_of(row) == RebalanceState.DONE)
    for tenant in ours:
        settled(tenant, on=there)
        moves = Move.objects.using(CONTROL).filter(tenant_id=tenant.id, state="done")
        assert moves.count() == 1
    for tenant in others:
        settled(tenant, on="gamma")
