"""A rebalance with real moves: a whole tenant goes where it is pinned, and a shard is emptied."""

import io
from datetime import timedelta
from functools import partial

import pytest
from django.core.management import call_command

from accounts.models import User
from sharding.moves.core.states import MoveState
from sharding.moves.core.steps import Mode
from sharding.moves.models import Move
from sharding.moves.services.after_soak import finish_move
from sharding.moves.types import MoveRequest
from sharding.placements.models import AuditEntry, Placement, Shard
from sharding.placements.states import ShardState
from sharding.rebalance.models import Pin, Rebalance, RebalanceStep
from sharding.rebalance.ports import Ended
from sharding.rebalance.services.planning import look
from sharding.rebalance.states import RebalanceState, StepState
from tenants.rebalancing import mover
from tests.fixtures.rebalancing import no_worker_begins, only_orders_move, servers_answer
from tests.fixtures.servers import need_streams
from tests.integration.archives.conftest import make, take_back

CONTROL = "control"


@pytest.fixture
def acme(stack_ready):
    made = make("rebalanced", "alpha")
    tenant_id = made.id
    yield made
    for move in Move.objects.using(CONTROL).filter(tenant_id=tenant_id, state=MoveState.SOAKING):
        finish_move(str(move.pk))
    Rebalance.objects.using(CONTROL).all().delete()
    Pin.objects.using(CONTROL).filter(tenant_id=tenant_id).delete()
    take_back("rebalanced")


@pytest.fixture(autouse=True)
def _a_busy_machine_is_no_reason(monkeypatch):
    no_worker_begins(monkeypatch)
    servers_answer(monkeypatch)
    patient = partial(MoveRequest, max_pause=timedelta(seconds=30))
    monkeypatch.setattr(mover, "MoveRequest", patient)


@pytest.fixture(autouse=True)
def _only_what_is_pinned_moves(settings):
    only_orders_move(settings)


@pytest.fixture
def by_streams(monkeypatch):
    """Whatever a tenant is like, its moves are in logical mode."""
    need_streams()
    patient = partial(MoveRequest, mode=Mode.LOGICAL, max_pause=timedelta(seconds=30))
    monkeypatch.setattr(mover, "MoveRequest", patient)


def move_to_beta() -> str:
    """By the commands as they are written; what they said."""
    out = io.StringIO()
    call_command("pin_tenant", "rebalanced", "--to", "beta", stdout=out)
    call_command(
        "rebalance_shards", "--yes", "--here", "--max-moves", "1", stdout=out, stderr=io.StringIO()
    )
    return out.getvalue()


def move_of(tenant) -> Move:
    return Move.objects.using(CONTROL).get(tenant_id=tenant.id)


def test_a_tenant_goes_where_it_is_pinned_by_the_commands_as_written(acme):
    said = move_to_beta()
    assert Placement.objects.using(CONTROL).get(tenant_id=acme.id).shard_id == "beta"
    step = RebalanceStep.objects.using(CONTROL).get(tenant_id=acme.id)
    assert step.state == StepState.DONE
    assert step.move_id is not None
    assert step.pause_ms is not None
    copied = move_of(acme).result["copied"]
    assert copied["seconds"] >= sum(move_of(acme).result["first_round_s"].values()) - 0.01
    assert "is done" in said
    assert "rebalanced" in said
    switched = AuditEntry.objects.using(CONTROL).filter(subject=acme.id, action="placement.switch")
    assert switched.count() == 1
    with acme.scope():
        assert User.objects.count() == 1


def test_what_moves_took_to_copy_is_what_the_next_plan_says(acme, by_streams):
    before = len(mover.TenantMover().copied_lately())
    move_to_beta()
    moved, result = mover.TenantMover().copied_lately(), move_of(acme).result
    assert len(moved) == before + 1
    assert (moved[0].source, moved[0].target) == ("alpha", "beta")
    assert moved[0].bytes == result["bytes"] > 0
    # Streams build indexes after the rows: both are in it.
    begun = dict(move_of(acme).events.filter(said="begun").values_list("step", "at"))
    assert moved[0].seconds > (begun["build"] - begun["copy_snapshot"]).total_seconds()
    finish_move(str(move_of(acme).pk))
    back = {"from": "beta", "to": "alpha", "bytes": 200_000_000, "seconds": 400.0}
    larger = Move.objects.using(CONTROL).create(
        tenant_id="tlarger", source="beta", target="alpha", state="done", result={"copied": back}
    )
    try:
        call_command("pin_tenant", "rebalanced", "--to", "alpha", stdout=io.StringIO())
        out = io.StringIO()
        call_command("rebalance_shards", "--dry-run", stdout=out)
        (step,) = [each for each in look({}).plan.steps if each.tenant_id == acme.id]
        assert (step.source, step.target) == ("beta", "alpha")
        assert step.copy_seconds >= step.bytes / 500_000
        assert "by what earlier moves" in out.getvalue()
    finally:
        larger.delete()


def test_a_step_is_done_when_its_tenant_has_arrived_and_its_way_back_stays_open(acme, by_streams):
    said = move_to_beta()
    assert "is done: done 1" in said
    assert move_of(acme).state == MoveState.SOAKING
    assert acme.id not in mover.TenantMover().under_way()
    call_command("pin_tenant", "rebalanced", "--to", "alpha", stdout=io.StringIO())
    made = look({})
    assert acme.id not in [step.tenant_id for step in made.plan.steps]
    (left,) = [each for each in made.plan.left if each.tenant_id == acme.id]
    assert left.detail == f"move {move_of(acme).pk} soaks"


def test_a_worker_that_died_in_a_soak_s_first_moment_has_moved_its_tenant(acme, by_streams):
    move_to_beta()
    step = RebalanceStep.objects.using(CONTROL).get(tenant_id=acme.id)
    assert (step.state, step.rebalance.state) == (StepState.DONE, RebalanceState.DONE)
    assert step.pause_ms is not None
    known = mover.TenantMover()
    found = known.outcome_of(acme.id, "beta", since=step.began_at)
    assert found is not None
    assert (found.ended, found.move_id) == (Ended.MOVED, step.move_id)
    assert acme.id in known.arrived(since=step.began_at)
    assert [left for left in known.left_on("alpha") if "soaking" in left]
    finish_move(str(step.move_id))
    assert acme.id in known.arrived(since=step.began_at)


def test_nobody_keeps_a_way_back_to_a_shard_that_is_to_be_empty(acme, by_streams):
    alpha = Shard.objects.using(CONTROL).filter(pk="alpha")
    alpha.update(state=ShardState.DRAINING)
    try:
        outcome = mover.TenantMover().move(acme.id, "beta", asked_by="a test")
    finally:
        alpha.update(state=ShardState.ACTIVE)
    assert (outcome.ended, outcome.said) == (Ended.MOVED, "")
    assert move_of(acme).state == MoveState.DONE
    assert not mover.TenantMover().left_on("alpha")
