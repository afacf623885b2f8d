"""A tenant goes to another shard while it works, and comes back."""

from contextlib import ExitStack
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from sharding.moves import ports
from sharding.moves.connections import Who, mover_connection, take_over
from sharding.moves.errors import (
    FenceIncomplete,
    FenceNotReached,
    NotDrained,
    PauseFailed,
    PauseOverran,
)
from sharding.moves.models import Move, MoveEvent
from sharding.moves.ports import TargetRequest
from sharding.moves.services.copying import first_round, next_round
from sharding.moves.services.moving import move_tenant
from sharding.moves.types import GateReport
from sharding.placements.services.placing import get_placement
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from sharding.schemas.services.drop_schema import drop_schema
from sharding.schemas.services.roles import make_roles
from sharding.schemas.services.transfer import read_sequences
from tests.fixtures.shards import web
from tests.integration.archives.conftest import contents
from tests.integration.moves.conftest import (
    LEDGER,
    Writers,
    add_table,
    as_tenant,
    settled,
    written,
)


def without_sequences(found: dict) -> dict:
    return {name: what for name, what in found.items() if name != "sequences"}


@pytest.mark.slow
def test_a_tenant_with_something_of_everything_arrives_whole_and_comes_back(new_tenant):
    tenant = new_tenant(rich=True)
    before, place = contents(tenant), get_placement(tenant.id)
    there = move_tenant(tenant.request())
    assert (there.state, there.source, there.target) == ("done", "alpha", "beta")
    assert there.verified
    assert there.owed == ()
    settled(tenant, on="beta")
    arrived = contents(tenant)
    assert without_sequences(arrived) == without_sequences(before)
    for was, is_ in zip(before["sequences"], arrived["sequences"], strict=True):
        assert (was.name, was.called) == (is_.name, is_.called)
        assert is_.last_value > was.last_value if was.called else is_.last_value == was.last_value
    assert get_placement(tenant.id).epoch == place.epoch + 3
    assert tenant.visitor().get("/account/sign-in/").status_code == 200

    back = move_tenant(tenant.request())
    assert (back.state, back.target) == ("done", "alpha")
    settled(tenant, on="alpha")
    assert without_sequences(contents(tenant)) == without_sequences(before)
    moves = Move.objects.using("control").filter(tenant_id=tenant.id)
    assert [move.result["made"] for move in moves] == ["image", "image"]


def test_no_acknowledged_write_is_lost_or_doubled_while_it_moves_there_and_back(new_tenant):
    tenant = new_tenant(ledger=True)
    with Writers(tenant.id) as writers:
        for _ in range(2):
            receipt = move_tenant(tenant.request())
            assert receipt.state == "done"
    assert written(tenant) == sorted(writers.acked)
    assert writers.refused, "the fence met somebody, or the test proves little"
    settled(tenant, on="alpha")
    # Its structure is nobody else's, so that no image makes it.
    assert Move.objects.using("control").get(pk=receipt.move_id).result["made"] == "pg_dump"


@pytest.mark.slow
def test_what_is_written_while_rows_are_copied_is_found_by_the_next_round(
    new_tenant, made_at_target
):
    tenant = new_tenant(ledger=True)
    there = made_at_target(tenant)
    name = sql.Identifier(tenant.id, "ledger")
    with own_connection(registry.shard("alpha")) as here:
        run(here, "INSERT INTO {} (writer, number) SELECT 1, n FROM generate_series(1, 50) n", name)
        done = first_round(here, there, tenant.id)
        assert done.counts["ledger"] == 50
        nothing = next_round(here, there, tenant.id, done, compared=True)
        assert nothing.copied == ()
        for change in (
            "INSERT INTO {} (writer, number) VALUES (2, 1)",
            "UPDATE {} SET number = 100 WHERE number = 7",
            "DELETE FROM {} WHERE number = 9",
            # As many rows as before, and none of them younger than the last round but one.
            (
                "WITH gone AS (DELETE FROM {} WHERE number = 8 RETURNING writer) "
                "INSERT INTO {} (writer, number) SELECT writer, 8 FROM gone"
            ),
            "TRUNCATE {}",
        ):
            run(here, change, *([name] * change.count("{}")))
            done = next_round(here, there, tenant.id, done, compared=True)
            assert done.copied == ("ledger",), change
        assert next_round(here, there, tenant.id, done, compared=True).copied == ()


@pytest.mark.slow
def test_a_tenant_that_cannot_be_looked_through_within_the_pause_does_not_pause(new_tenant):
    tenant = new_tenant(rich=True)
    before = contents(tenant)
    with pytest.raises(PauseOverran, match="looking for changes"):
        move_tenant(tenant.request(max_pause=timedelta(milliseconds=1)))
    settled(tenant, on="alpha")
    assert contents(tenant) == before
    events = MoveEvent.objects.using("control").filter(move__tenant_id=tenant.id)
    assert not events.filter(said="gated").exists()


@pytest.mark.slow
def test_a_pause_that_cannot_be_had_is_taken_back_and_tried_again_and_given_up(new_tenant, gate):
    tenant = new_tenant(ledger=True)
    statement = "INSERT INTO ledger (writer, number) VALUES (1, 1)"
    with psycopg.connect(**web(registry.shard("alpha"))) as somebody:

        class SlowWriter:
            """Writes once the gate is closed, and ends when it was opened for the second time."""

            opened = 0

            def close(self, tenant_id, *, within):
                if not self.opened:
                    somebody.execute("SELECT 1")
                    as_tenant(somebody, tenant.id, "alpha", statement)
                return GateReport(0, 0, 0)

            def open(self, tenant_id):
                self.opened += 1
                if self.opened == 2:
                    somebody.commit()

        gate(SlowWriter())
        with pytest.raises(FenceNotReached):
            move_tenant(tenant.request(attempts=2))
    settled(tenant, on="alpha")
    assert written(tenant) == [(1, 1)]
    move = Move.objects.using("control").get(tenant_id=tenant.id)
    assert move.state == "aborted"
    failed = MoveEvent.objects.using("control").filter(move=move, step="pause", said="failed")
    assert failed.count() == 2


REFUSED_AT_COMMIT = """
    CREATE FUNCTION not_now() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
    CREATE CONSTRAINT TRIGGER not_now AFTER INSERT ON moves_moveevent
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
        WHEN (new.step = 'switch') EXECUTE FUNCTION not_now()
"""


@pytest.fixture
def control_refuses_to_commit(stack_ready):
    """Every switch, at its commit."""
    with psycopg.connect(stack_ready.admin_conninfo("control"), autocommit=True) as admin:
        admin.execute(REFUSED_AT_COMMIT)
        yield
        admin.execute("DROP FUNCTION not_now() CASCADE")


@pytest.mark.usefixtures("control_refuses_to_commit")
def test_a_switch_that_control_does_not_commit_is_taken_back(new_tenant):
    tenant = new_tenant()
    with pytest.raises(PauseFailed, match="not now"):
        move_tenant(tenant.request(attempts=2))
    settled(tenant, on="alpha")
    move = Move.objects.using("control").get(tenant_id=tenant.id)
    assert move.state == "aborted"
    failed = MoveEvent.objects.using("control").filter(move=move, step="pause", said="failed")
    assert failed.count() == 2


class BusyGate:
    """Somebody works for the tenant and does not end."""

    def __init__(self):
        self.told = []

    def close(self, tenant_id, *, within):
        self.told.append(("close", get_placement(tenant_id).state))
        return GateReport(1, 1, 1, ("web here:1 has 1 under way.",))

    def open(self, tenant_id):
        self.told.append(("open", get_placement(tenant_id).state))


@pytest.mark.slow
def test_a_tenant_that_is_worked_for_is_put_off_and_says_by_whom(new_tenant, gate):
    tenant = new_tenant()
    busy = gate(BusyGate())
    with pytest.raises(NotDrained, match="web here:1 has 1 under way"):
        move_tenant(tenant.request(attempts=2))
    assert busy.told[:4] == [("close", "moving"), ("open", "ready")] * 2
    settled(tenant, on="alpha")


class GateWithSomethingBehind:
    """Nobody is in flight; what happens right after the gate was closed happens here."""

    def __init__(self, happens):
        self.happens = happens

    def close(self, tenant_id, *, within):
        self.happens()
        return GateReport(0, 0, 0)

    def open(self, tenant_id):
        """Nobody waits."""


def test_a_table_without_a_guard_stops_the_move_before_anything_is_switched(new_tenant, gate):
    tenant = new_tenant()

    def somebody_disarms_one():
        with own_connection(registry.shard("alpha")) as own:
            table = sql.Identifier(tenant.id, "django_session")
            run(own, "ALTER TABLE {} DISABLE TRIGGER zz_atoll_guard", table)

    gate(GateWithSomethingBehind(somebody_disarms_one))
    with pytest.raises(FenceIncomplete, match="django_session has no armed guard"):
        move_tenant(tenant.request())
    settled(tenant, on="alpha")


@pytest.mark.slow
def test_a_table_that_is_made_on_the_way_stops_the_move_before_anything_is_switched(
    new_tenant, gate
):
    tenant = new_tenant()
    gate(GateWithSomethingBehind(lambda: add_table(tenant, LEDGER)))
    with pytest.raises(FenceIncomplete, match="ledger"):
        move_tenant(tenant.request())
    settled(tenant, on="alpha")


@pytest.mark.slow
def test_the_target_goes_on_beyond_the_numbers_that_the_source_gave_out(new_tenant):
    tenant = new_tenant(ledger=True)
    name = sql.Identifier(tenant.id, "ledger")
    with own_connection(registry.shard("alpha")) as own:
        run(own, "INSERT INTO {} (writer, number) SELECT 1, n FROM generate_series(1, 9) n", name)
        (before,) = [s for s in read_sequences(own, tenant.id) if s.name == "ledger_id_seq"]
    move_tenant(tenant.request())
    with own_connection(registry.shard("beta")) as own:
        (after,) = [s for s in read_sequences(own, tenant.id) if s.name == "ledger_id_seq"]
    assert (before.last_value, after.last_value) == (9, 1009)


def run(connection, statement, *names):
    connection.execute(sql.SQL(statement).format(*names))


@pytest.fixture
def made_at_target():
    """Makes a tenant's tables on beta, closed, and a way to write into them."""
    with ExitStack() as stack:

        def make(tenant):
            source, target = registry.shard("alpha"), registry.shard("beta")
            who = Who(tenant.id, 1, 1)
            make_roles(target, [tenant.id])
            take_over(target, who)
            stack.callback(drop_schema, target, tenant.id)
            with own_connection(target) as own:
                ports.shape.make_target(TargetRequest(tenant.id, source, own, who.token))
            return stack.enter_context(mover_connection(target, who, replica=True))

        yield make
