"""The worker of a rebalance is killed in the middle of a move; the next one goes on to the end."""

import os
import signal
from datetime import timedelta
from functools import partial

import pytest
from django.db.models.functions import Now

from sharding.moves.models import Move
from sharding.moves.types import MoveRequest
from sharding.placements.models import Placement
from sharding.rebalance.models import Pin, Rebalance, RebalanceStep
from sharding.rebalance.services.running import work_on_rebalance
from sharding.rebalance.services.wishes import pin_tenant
from sharding.rebalance.states import RebalanceState, StepState
from tenants.rebalancing import mover
from tests.fixtures.rebalancing import only_orders_move
from tests.integration.moves.conftest import settled

CONTROL = "control"
POINTS = [
    "claim.begin",
    "make_target.made",
    "copy.done",
    "gate.done",
    "fence.done",
    "switch.before",
    "switch.after",
    "open.after",
    "drop_source.begin",
    "end.begin",
]


@pytest.fixture(autouse=True)
def _only_what_is_pinned_moves(settings, monkeypatch):
    patient = partial(MoveRequest, max_pause=timedelta(seconds=30))
    monkeypatch.setattr(mover, "MoveRequest", patient)
    only_orders_move(settings)
    Rebalance.objects.using(CONTROL).all().delete()
    Pin.objects.using(CONTROL).all().delete()
    yield
    Rebalance.objects.using(CONTROL).all().delete()
    Pin.objects.using(CONTROL).all().delete()


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_whoever_comes_next_ends_the_move_and_the_rebalance(point, new_tenant, start):
    tenants = [new_tenant(), new_tenant()]
    for tenant in tenants:
        pin_tenant(tenant.id, to="beta")
    # Pins come first in a plan, so it is these two, whoever else is there.
    victim = start(point, "rebalance_shards", "--yes", "--here", "--max-moves", "2")
    os.kill(victim.pid, signal.SIGKILL)
    victim.process.wait()
    row = Rebalance.objects.using(CONTROL).get()
    assert row.state == RebalanceState.RUNNING
    # What time does: the lease of a worker that cannot be seen from here runs out.
    Rebalance.objects.using(CONTROL).update(held_until=Now())
    Placement.objects.using(CONTROL).exclude(lease_holder="").update(lease_until=Now())
    while work_on_rebalance():
        pass
    row.refresh_from_db(using=CONTROL)
    steps = list(RebalanceStep.objects.using(CONTROL).filter(rebalance=row))
    assert {step.state for step in steps} == {StepState.DONE}, [step.said for step in steps]
    assert row.state == RebalanceState.DONE
    for tenant in tenants:
        settled(tenant, on="beta")
        moves = Move.objects.using(CONTROL).filter(tenant_id=tenant.id)
        assert sum(move.state == "done" for move in moves) == 1
