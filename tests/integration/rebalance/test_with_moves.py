"""A rebalance with real moves: a whole tenant goes where it is pinned, and a shard is emptied."""

import io
from datetime import timedelta
from functools import partial

import pytest
from django.core.management import call_command

from accounts.models import User
from sharding.moves.types import MoveRequest
from sharding.placements.models import AuditEntry, Placement
from sharding.rebalance.models import Pin, Rebalance, RebalanceStep
from sharding.rebalance.services import reachable
from sharding.rebalance.states import StepState
from tenants.rebalancing import asking, mover
from tests.integration.archives.conftest import make, take_back

CONTROL = "control"


@pytest.fixture
def acme(stack_ready):
    made = make("rebalanced", "alpha")
    tenant_id = made.id
    yield made
    Rebalance.objects.using(CONTROL).all().delete()
    Pin.objects.using(CONTROL).filter(tenant_id=tenant_id).delete()
    take_back("rebalanced")


@pytest.fixture(autouse=True)
def _a_busy_machine_is_no_reason(monkeypatch):
    monkeypatch.setattr(asking.carry_on, "delay", lambda: None)
    monkeypatch.setattr(reachable, "_ask", lambda server: "")
    patient = partial(MoveRequest, max_pause=timedelta(seconds=30))
    monkeypatch.setattr(mover, "MoveRequest", patient)


def test_a_tenant_goes_where_it_is_pinned_by_the_commands_as_written(acme, settings):
    settings.ATOLL_REBALANCE_ENTER = 1
    settings.ATOLL_REBALANCE_LEAVE = 1
    settings.ATOLL_REBALANCE_FLOOR = 1
    out = io.StringIO()
    call_command("pin_tenant", "rebalanced", "--to", "beta", stdout=out)
    call_command(
        "rebalance_shards", "--yes", "--here", "--max-moves", "1", stdout=out, stderr=io.StringIO()
    )
    assert Placement.objects.using(CONTROL).get(tenant_id=acme.id).shard_id == "beta"
    step = RebalanceStep.objects.using(CONTROL).get(tenant_id=acme.id)
    assert step.state == StepState.DONE
    assert step.move_id is not None
    assert step.pause_ms is not None
    assert "is done" in out.getvalue()
    assert "rebalanced" in out.getvalue()
    switched = AuditEntry.objects.using(CONTROL).filter(subject=acme.id, action="placement.switch")
    assert switched.count() == 1
    with acme.scope():
        assert User.objects.count() == 1
