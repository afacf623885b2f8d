"""Logical mode: one snapshot, two streams, a soak, and the way back."""

from datetime import timedelta

import psycopg
import pytest
from django.db.models.functions import Now
from psycopg import sql

from migrations_tools.drift.errors import NotLeftOver
from migrations_tools.drift.services.left_over import find_left_over
from sharding.moves.core.steps import Mode
from sharding.moves.errors import (
    CopiesDiffer,
    FenceIncomplete,
    MoveRefused,
    PauseOverran,
    WrongMoveState,
)
from sharding.moves.models import Move, MoveEvent
from sharding.moves.services import draining, pausing
from sharding.moves.services.after_soak import finish_move, rollback_move
from sharding.moves.services.examining import examine
from sharding.moves.services.moving import move_tenant
from sharding.moves.services.preflight import plan_move
from sharding.moves.services.recovering import recover_move
from sharding.moves.services.streams import Direction, await_beat, beat
from sharding.moves.services.watching import recover_stuck_moves
from sharding.moves.types import GateReport
from sharding.placements.models import Placement
from sharding.placements.services.placing import get_placement
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from sharding.schemas.services.transfer import read_sequences
from tests.fixtures.shards import web
from tests.integration.archives.conftest import contents
from tests.integration.moves.conftest import (
    Writers,
    add_table,
    as_tenant,
    may_write,
    settled,
    streams_of,
    write,
    written,
)


def logical(tenant, **more):
    return tenant.request(mode=Mode.LOGICAL, **more)


def run(shard, statement, *names):
    with own_connection(registry.shard(shard)) as own:
        own.execute(sql.SQL(statement).format(*names))


@pytest.fixture
def soaking(new_tenant):
    """A tenant whose move soaks on beta."""
    tenant = new_tenant(ledger=True)
    receipt = move_tenant(logical(tenant))
    assert (receipt.state, receipt.target) == ("soaking", "beta")
    return tenant, str(receipt.move_id)


def test_no_acknowledged_write_is_lost_while_it_goes_there_and_back_over_its_streams(new_tenant):
    tenant = new_tenant(ledger=True)
    with Writers(tenant.id) as writers:
        there = move_tenant(logical(tenant))
        assert (there.state, there.target) == ("soaking", "beta")
        assert not may_write(tenant.id, "alpha")
        back = rollback_move(str(there.move_id))
        assert (back.state, back.target) == ("soaking", "alpha")
        assert there.verified
        assert back.verified not in ("", there.verified), "clients wrote meanwhile"
        assert finish_move(str(there.move_id)).state == "done"
    assert written(tenant) == sorted(writers.acked)
    assert writers.refused, "the fence met somebody, or the test proves little"
    settled(tenant, on="alpha")


@pytest.mark.slow
def test_a_tenant_with_something_of_everything_arrives_whole_and_comes_back(new_tenant):
    tenant = new_tenant(rich=True)
    before = contents(tenant)
    there = move_tenant(logical(tenant))
    assert rows_of(contents(tenant)) == rows_of(before)
    rollback_move(str(there.move_id))
    assert rows_of(contents(tenant)) == rows_of(before)
    rollback_move(str(there.move_id))
    assert rows_of(contents(tenant)) == rows_of(before)
    finish_move(str(there.move_id))
    settled(tenant, on="beta")


def rows_of(found):
    return {name: what for name, what in found.items() if name != "sequences"}


@pytest.mark.slow
def test_a_rollback_brings_numbers_back_that_were_given_out_in_the_soak(soaking):
    tenant, move = soaking
    write(tenant, "beta", *range(5))
    given_out = ledger_number("beta", tenant)
    rollback_move(move)
    assert ledger_number("alpha", tenant) == given_out + 1000
    write(tenant, "alpha", 5)
    assert written(tenant) == [(1, number) for number in range(6)]
    finish_move(move)
    settled(tenant, on="alpha")


def ledger_number(shard, tenant):
    with own_connection(registry.shard(shard)) as own:
        (found,) = [s for s in read_sequences(own, tenant.id) if s.name == "ledger_id_seq"]
    return found.last_value


@pytest.mark.slow
def test_without_a_soak_there_is_no_way_back_and_nothing_is_left(new_tenant):
    tenant = new_tenant(ledger=True)
    with Writers(tenant.id) as writers:
        receipt = move_tenant(logical(tenant, soak=timedelta(0)))
        assert receipt.state == "done"
        assert receipt.verified
    assert written(tenant) == sorted(writers.acked)
    settled(tenant, on="beta")
    with pytest.raises(WrongMoveState, match="is done"):
        rollback_move(str(receipt.move_id))


@pytest.mark.slow
def test_a_soak_whose_time_is_over_is_ended_by_whoever_watches(soaking):
    tenant, move = soaking
    assert [one for one in recover_stuck_moves() if str(one.move_id) == move] == []
    Move.objects.using("control").filter(pk=move).update(soak_ends_at=Now())
    with pytest.raises(WrongMoveState, match="at the end of its soak"):
        rollback_move(move)
    (ended,) = [one for one in recover_stuck_moves() if str(one.move_id) == move]
    assert ended.state == "done"
    settled(tenant, on="beta")


@pytest.mark.slow
def test_a_fifth_soak_of_a_shard_ends_the_oldest(new_tenant):
    tenants = [new_tenant() for _ in range(5)]
    moves = [str(move_tenant(logical(tenant)).move_id) for tenant in tenants]
    ended = {str(one.move_id): one.state for one in recover_stuck_moves()}
    assert {move: ended.get(move) for move in moves} == dict.fromkeys(moves) | {moves[0]: "done"}
    settled(tenants[0], on="beta")
    for tenant, move in zip(tenants[1:], moves[1:], strict=True):
        finish_move(move)
        settled(tenant, on="beta")


@pytest.mark.slow
def test_a_tenant_that_soaks_is_not_moved_and_is_told_what_to_do(soaking):
    tenant, move = soaking
    with pytest.raises(MoveRefused, match=f"finish_move {move}"):
        move_tenant(logical(tenant))
    with pytest.raises(NotLeftOver, match=f"move {move} of its tenant is soaking"):
        find_left_over("alpha", tenant.id)
    # Its streams, its closed copy and its armed guards are no orphans.
    assert [one for one in examine() if one.tenant_id == tenant.id] == []
    finish_move(move)
    settled(tenant, on="beta")


@pytest.mark.slow
def test_a_structure_that_changed_in_the_soak_is_not_gone_back_with(soaking):
    tenant, move = soaking
    add_table(tenant, "CREATE TABLE later (id bigserial PRIMARY KEY)")
    with pytest.raises(FenceIncomplete, match="later"):
        rollback_move(move)
    assert Move.objects.using("control").get(pk=move).state == "soaking"
    assert tenant.shard == "beta"
    assert may_write(tenant.id, "beta")
    assert not may_write(tenant.id, "alpha")
    finish_move(move)
    settled(tenant, on="beta")


@pytest.mark.slow
def test_a_column_that_is_made_right_before_the_fence_stops_the_move(new_tenant, at):
    tenant = new_tenant(ledger=True)

    def somebody_adds_one():
        with own_connection(registry.shard("alpha")) as own:
            name = sql.Identifier(tenant.id, "ledger")
            own.execute(sql.SQL("ALTER TABLE {} ADD COLUMN later text").format(name))

    at("fence.journaled", somebody_adds_one)
    with pytest.raises(FenceIncomplete, match="ledger"):
        move_tenant(logical(tenant))
    settled(tenant, on="alpha")


class HeldStream:
    """Once the gate is closed, the stream's last rows cannot be written; until the gate opens."""

    def __init__(self, tenant):
        self.tenant = tenant
        self.holder = None
        self.held = 0

    def close(self, tenant_id, *, within):
        if not self.held:
            self.held += 1
            holding = own_connection(registry.shard("beta"))
            self.holder = holding, holding.__enter__()
            self.holder[1].execute("BEGIN")
            locked = sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE")
            self.holder[1].execute(locked.format(sql.Identifier(tenant_id, "ledger")))
            with psycopg.connect(**web(registry.shard("alpha")), autocommit=True) as late:
                statement = "INSERT INTO ledger (writer, number) VALUES (1, 1)"
                as_tenant(late, tenant_id, "alpha", statement)
        return GateReport(0, 0, 0)

    def open(self, tenant_id):
        if self.holder is not None:
            self.holder[0].__exit__(None, None, None)
            self.holder = None


def test_a_stream_that_does_not_end_within_the_pause_is_not_waited_for_but_tried_again(
    new_tenant, gate
):
    tenant = new_tenant(ledger=True)
    gate(HeldStream(tenant))
    receipt = move_tenant(logical(tenant, max_pause=timedelta(seconds=2)))
    assert receipt.state == "soaking"
    assert receipt.attempts >= 2
    failed = MoveEvent.objects.using("control").filter(
        move=receipt.move_id, step="pause", said="failed"
    )
    assert "waiting for the stream" in failed[0].facts["why"]
    assert written(tenant) == [(1, 1)]
    finish_move(str(receipt.move_id))
    settled(tenant, on="beta")


@pytest.mark.slow
def test_a_pause_that_is_never_had_takes_the_move_and_its_streams_back(new_tenant, gate):
    tenant = new_tenant(ledger=True)
    gate(HeldStream(tenant))
    with pytest.raises(PauseOverran):
        move_tenant(logical(tenant, max_pause=timedelta(milliseconds=800), attempts=1))
    settled(tenant, on="alpha")
    assert written(tenant) == [(1, 1)]


@pytest.mark.slow
def test_whoever_does_not_wait_for_the_sentinel_is_found_out_by_the_comparison(
    new_tenant, gate, monkeypatch
):
    """The negative control: without the wait a write is lost, and it does not stay unseen."""
    monkeypatch.setattr(draining, "await_beat", lambda *_, **__: timedelta(0))
    tenant = new_tenant(ledger=True)
    gate(HeldStream(tenant))
    with pytest.raises(CopiesDiffer, match="ledger"):
        move_tenant(logical(tenant))
    move = Move.objects.using("control").get(tenant_id=tenant.id)
    # As if the person who looked had decided to keep the target's copy.
    Move.objects.using("control").filter(pk=move.pk).update(
        result={"streams": move.result["streams"]}
    )
    assert [one.state for one in recover_stuck_moves() if one.move_id == move.pk] == ["soaking"]
    finish_move(str(move.pk))
    settled(tenant, on="beta")


class HeldStreamThatHasHadItsSentinel(HeldStream):
    """What the fence is to send was sent before it, and has arrived."""

    sentinel = 0

    def close(self, tenant_id, *, within):
        with own_connection(registry.shard("alpha")) as here:
            self.sentinel = beat(here, tenant_id, Direction.THERE)
        with own_connection(registry.shard("beta")) as there:
            within = timedelta(seconds=20)
            assert await_beat(there, tenant_id, Direction.THERE, self.sentinel, within=within)
        return super().close(tenant_id, within=within)


@pytest.mark.slow
def test_a_sentinel_of_before_the_fence_is_found_out_by_the_comparison(
    new_tenant, gate, monkeypatch
):
    """The negative control: what was committed after it and before the fence is lost."""
    tenant = new_tenant(ledger=True)
    early = gate(HeldStreamThatHasHadItsSentinel(tenant))
    monkeypatch.setattr(pausing, "new_beat", lambda: early.sentinel)
    with pytest.raises(CopiesDiffer, match="ledger"):
        move_tenant(logical(tenant))
    move = Move.objects.using("control").get(tenant_id=tenant.id)
    # As if the person who looked had decided to keep the target's copy.
    Move.objects.using("control").filter(pk=move.pk).update(
        result={"streams": move.result["streams"]}
    )
    assert recover_move(str(move.pk)).state == "soaking"
    finish_move(str(move.pk))
    settled(tenant, on="beta")


@pytest.mark.slow
def test_tables_that_no_stream_can_carry_are_refused_by_name_and_auto_mode_goes_round(new_tenant):
    tenant = new_tenant()
    add_table(tenant, "CREATE TABLE nameless (said text)")
    (refusal,) = plan_move(logical(tenant)).refusals
    assert refusal.code == "moves.no_identity"
    assert "nameless" in refusal.reason
    with pytest.raises(MoveRefused, match="nameless"):
        move_tenant(logical(tenant))
    plan = plan_move(tenant.request(mode=None, max_pause=timedelta(milliseconds=1)))
    assert plan.refusals == ()
    assert plan.request.mode is Mode.BLOCK
    assert "nameless" in plan.why_mode
    assert [streams_of(tenant.id, shard) for shard in ("alpha", "beta")] == [[], []]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("taken", "lacking"),
    [
        ("ALTER ROLE {mover} NOREPLICATION", "REPLICATION"),
        ("REVOKE pg_create_subscription FROM {mover}", "pg_create_subscription"),
    ],
)
def test_a_mover_without_a_right_for_streams_is_told_which(new_tenant, stack, taken, lacking):
    tenant = new_tenant()
    given = {
        "REPLICATION": "ALTER ROLE {mover} REPLICATION",
        "pg_create_subscription": "GRANT pg_create_subscription TO {mover} WITH INHERIT TRUE",
    }[lacking]
    mover = sql.Identifier(registry.shard("beta").mover.user)
    with psycopg.connect(stack.admin_conninfo("beta"), autocommit=True) as admin:
        admin.execute(sql.SQL(taken).format(mover=mover))
        try:
            (refusal,) = plan_move(logical(tenant)).refusals
        finally:
            admin.execute(sql.SQL(given).format(mover=mover))
    assert refusal.code == "moves.stream_rights"
    assert lacking in refusal.reason
    assert "add_shard beta" in refusal.remedy
    assert plan_move(logical(tenant)).refusals == ()


@pytest.mark.slow
def test_a_control_database_of_before_the_rollback_is_told_what_both_shards_show(soaking):
    tenant, move = soaking
    place = get_placement(tenant.id)
    was = Move.objects.using("control").get(pk=move)
    rollback_move(move)
    Move.objects.using("control").filter(pk=move).update(
        source=was.source, target=was.target, turns=was.turns, state=was.state, token=was.token
    )
    Placement.objects.using("control").filter(tenant_id=tenant.id).update(
        shard_id="beta", epoch=place.epoch, arrived_epoch=place.arrived_epoch, lease_token=1
    )
    ended = recover_move(move)
    assert (ended.state, ended.source, ended.target) == ("soaking", "beta", "alpha")
    assert tenant.shard == "alpha"
    assert may_write(tenant.id, "alpha")
    assert not may_write(tenant.id, "beta")
    finish_move(move)
    settled(tenant, on="alpha")
