"""Recovery by what the shards say, where control and they do not agree."""

from io import StringIO

import pytest
from django.core.management import call_command

from sharding.moves.errors import AbortAsked, CopiesDiffer, MoveOnHold
from sharding.moves.models import Move, MoveDebt, MoveEvent
from sharding.moves.services import journal
from sharding.moves.services.moving import move_tenant
from sharding.moves.services.recovering import recover_move
from sharding.moves.services.watching import recover_stuck_moves
from sharding.moves.types import GateReport
from sharding.placements.models import Placement
from sharding.placements.services.listing import list_shards
from sharding.placements.services.placing import get_placement
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from tenants.errors import WrongTenantState
from tenants.services.delete import delete_tenant
from tenants.services.purge import purge_tenant
from tenants.services.restore import restore_tenant
from tests.integration.moves.conftest import may_write, settled


class Broken(Exception):
    """What ends a mover in the middle."""


class BreakingGate:
    """Ends its mover right after the tenant was opened somewhere, or before the fence."""

    def __init__(self, at):
        self.at = at

    def close(self, tenant_id, *, within):
        if self.at == "close":
            raise SystemExit
        return GateReport(0, 0, 0)

    def open(self, tenant_id):
        if self.at == "open":
            self.at = ""
            raise Broken


@pytest.fixture
def opened(new_tenant, gate):
    """A tenant that was opened at the target, whose mover then died."""
    tenant = new_tenant(rich=True)
    gate(BreakingGate("open"))
    with pytest.raises(Broken):
        move_tenant(tenant.request())
    move = Move.objects.using("control").get(tenant_id=tenant.id)
    assert move.state == "opened"
    return tenant, move


@pytest.mark.slow
def test_what_is_opened_is_finished_although_the_snapshot_is_lost(opened):
    tenant, move = opened
    assert may_write(tenant.id, "beta")
    (ended,) = [one for one in recover_stuck_moves() if one.move_id == move.pk]
    assert (ended.state, ended.verified) == ("done", "")
    said = MoveEvent.objects.using("control").get(move=move, step="verify", said="left out")
    assert "lost" in said.facts["why"]
    settled(tenant, on="beta")


def test_a_control_database_of_before_the_switch_is_told_what_the_target_shows(opened):
    tenant, move = opened
    placement = get_placement(tenant.id)
    MoveDebt.objects.using("control").filter(move=move).exclude(kind="drop", shard="beta").delete()
    MoveDebt.objects.using("control").filter(move=move).update(settled_at=None)
    Move.objects.using("control").filter(pk=move.pk).update(state="copied", result={})
    Placement.objects.using("control").filter(tenant_id=tenant.id).update(
        shard_id="alpha", state="ready", epoch=placement.epoch - 3, arrived_epoch=0, lease_token=1
    )
    ended = recover_move(str(move.pk))
    assert ended.state == "done"
    settled(tenant, on="beta")
    repaired = MoveEvent.objects.using("control").get(move=move, step="repair")
    assert repaired.said == "switched"


@pytest.mark.slow
def test_a_place_that_somebody_changed_by_hand_is_held_and_nothing_is_opened(opened):
    tenant, move = opened
    with own_connection(registry.shard("beta")) as own:
        own.execute(
            "UPDATE atoll.tenant_schema SET phase = 'fenced' WHERE schema = %s", (tenant.id,)
        )
    with pytest.raises(MoveOnHold, match="where its copy is fenced"):
        recover_move(str(move.pk))
    assert Move.objects.using("control").get(pk=move.pk).state == "opened"
    with own_connection(registry.shard("beta")) as own:
        own.execute(
            "UPDATE atoll.tenant_schema SET phase = 'active' WHERE schema = %s", (tenant.id,)
        )
    assert recover_move(str(move.pk)).state == "done"
    settled(tenant, on="beta")


@pytest.mark.slow
def test_copies_that_differ_are_kept_by_everybody(new_tenant, gate):
    tenant = new_tenant(rich=True)
    gate(BreakingGate("open"))
    with pytest.raises(Broken):
        move_tenant(tenant.request())
    move = Move.objects.using("control").get(tenant_id=tenant.id)
    journal.keep_result(move, differ="the copies differ in django_session")
    with pytest.raises(CopiesDiffer, match="the copies differ in django_session"):
        recover_move(str(move.pk))
    assert [one for one in recover_stuck_moves() if one.move_id == move.pk] == []
    with own_connection(registry.shard("alpha")) as own:
        found = own.execute("SELECT to_regnamespace(%s) IS NOT NULL", (tenant.id,)).fetchone()
    assert found == (True,)
    assert not may_write(tenant.id, "alpha")
    assert may_write(tenant.id, "beta")
    Move.objects.using("control").filter(pk=move.pk).update(result={})
    assert recover_move(str(move.pk)).state == "done"


def listed(tenant, shard):
    """As what a shard is said to hold the tenant: to programs, and to people."""
    (line,) = (one.to_json() for one in list_shards([shard]))
    out = StringIO()
    call_command("list_shards", shard, stdout=out)
    found = [key for key in ("copies", "not_opened", "half_made") if tenant.id in line[key]]
    return found, out.getvalue()


def test_what_a_move_keeps_closed_is_listed_as_that_and_not_as_half_made(new_tenant, at):
    tenant = new_tenant()
    seen = []

    def die():
        raise Broken

    at("fence.journaled", lambda: seen.append(listed(tenant, "beta")))
    at("switch.after", die)
    with pytest.raises(Broken):
        move_tenant(tenant.request())
    ((found, said),) = seen
    assert found == ["copies"]
    assert f"kept closed by a move: {tenant.id}" in said
    found, said = listed(tenant, "beta")
    assert found == ["not_opened"]
    assert f"switched here by a move, not open yet: {tenant.id}" in said
    assert not may_write(tenant.id, "beta")
    move = Move.objects.using("control").get(tenant_id=tenant.id)
    assert recover_move(str(move.pk)).state == "done"
    found, said = listed(tenant, "beta")
    assert found == []
    assert tenant.id not in said


@pytest.mark.slow
def test_a_deleted_tenant_is_not_purged_before_its_move_has_ended(opened):
    tenant, move = opened
    delete_tenant(tenant.slug)
    with pytest.raises(WrongTenantState, match="on its way to another shard"):
        purge_tenant(tenant.id, early=True)
    assert get_placement(tenant.id).state == "ready"
    restore_tenant(tenant.slug)
    assert recover_move(str(move.pk)).state == "done"


@pytest.mark.slow
def test_somebody_who_interrupts_a_move_finds_everything_as_it_was(new_tenant, gate):
    tenant = new_tenant()
    gate(BreakingGate("close"))
    with pytest.raises(SystemExit):
        move_tenant(tenant.request())
    settled(tenant, on="alpha")


@pytest.mark.slow
def test_a_mover_that_is_asked_to_turns_back(new_tenant, gate):
    tenant = new_tenant()

    class AskingGate(BreakingGate):
        def close(self, tenant_id, *, within):
            journal.ask_to_abort(Move.objects.using("control").get(tenant_id=tenant_id))
            return GateReport(0, 0, 0)

    gate(AskingGate(""))
    with pytest.raises(AbortAsked):
        move_tenant(tenant.request())
    settled(tenant, on="alpha")
