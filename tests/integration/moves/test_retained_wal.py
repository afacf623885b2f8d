"""A shard stopped to follow the other one: that one keeps WAL, and the doctor says how much."""

import time
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import sql

from sharding.figures import size_in_words
from sharding.moves.core.diagnosis import MUCH_WAL
from sharding.moves.core.steps import Mode
from sharding.moves.errors import EndsChanged
from sharding.moves.models import Move
from sharding.moves.services.after_soak import finish_move, rollback_move
from sharding.moves.services.moving import move_tenant
from sharding.moves.services.streams import Direction, name_of
from tests.fixtures.waiting import wait_for
from tests.integration.moves.conftest import may_write, settled, streams_of, write, written
from tests.integration.moves.test_doctor import doctor, findings

pytestmark = pytest.mark.slow

# A segment is kept whole, however little is written to it.
FILL_A_SEGMENT = "SELECT pg_logical_emit_message(false, 'filler', 'x'); SELECT pg_switch_wal()"
STOP = "ALTER SUBSCRIPTION {} DISABLE"
GO_ON = "ALTER SUBSCRIPTION {} ENABLE"
KEPT = """
    SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint
    FROM pg_replication_slots WHERE slot_name = %s
"""
ON_DISK = "SELECT sum(size)::bigint FROM pg_ls_waldir()"
LIMIT = "ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'"
LIMIT_NO_MORE = "ALTER SYSTEM RESET max_slot_wal_keep_size"
RELOAD = "SELECT pg_reload_conf()"
STATUS = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = %s"
IS_READ = "SELECT active FROM pg_replication_slots WHERE slot_name = %s"


@pytest.fixture
def admin(stack_ready):
    """Superusers' sessions, by shard."""

    @contextmanager
    def on(shard):
        with psycopg.connect(stack_ready.admin_conninfo(shard), autocommit=True) as connection:
            yield connection

    yield on
    with on("beta") as connection:
        connection.execute("CHECKPOINT")


@pytest.fixture
def stopped(new_tenant, admin):
    """A tenant whose move soaks on beta, and alpha does not follow; how its slot is called."""
    tenant = new_tenant(ledger=True)
    receipt = move_tenant(tenant.request(mode=Mode.LOGICAL))
    assert receipt.state == "soaking"
    move = Move.objects.using("control").get(pk=receipt.move_id)
    slot = name_of(move.result["streams"], Direction.BACK)
    at_alpha(admin, STOP, slot)
    with admin("beta") as connection:
        wait_for(lambda: not connection.execute(IS_READ, (slot,)).fetchone()[0], "it is read")
    assert findings(tenant) == [], "it keeps nothing to speak of yet"
    return tenant, move, slot


@pytest.fixture
def lost(stopped, admin):
    """The same, and beta has let go of what alpha had not read."""
    tenant, _, slot = stopped
    write(tenant, "beta", 1, 2)
    with admin("beta") as connection:

        def is_lost():
            connection.execute(FILL_A_SEGMENT)
            connection.execute("CHECKPOINT")
            return connection.execute(STATUS, (slot,)).fetchone() == ("lost",)

        try:
            connection.execute(LIMIT)
            connection.execute(RELOAD)
            wait_for(is_lost, "the slot still has all", seconds=60)
            yield stopped
        finally:
            connection.execute(LIMIT_NO_MORE)
            connection.execute(RELOAD)


def at_alpha(admin, statement, slot):
    with admin("alpha") as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(slot)))


def write_much(connection, slot):
    """Until the slot keeps as much as somebody should know of; how much."""
    while (kept := connection.execute(KEPT, (slot,)).fetchone()[0]) < MUCH_WAL:
        connection.execute(FILL_A_SEGMENT)
    return kept


def test_it_is_told_and_gone_once_the_slot_is_read_again_and_the_way_back_is_whole(stopped, admin):
    tenant, move, slot = stopped
    write(tenant, "beta", 1, 2)
    with admin("beta") as connection:
        kept = write_much(connection, slot)
        (found,) = findings(tenant)
        assert (found["ill"], found["shard"], found["subject"]) == ("wal", "beta", slot)
        assert found["says"] == (
            f"This slot of move {move.pk} is read by nobody and keeps {size_in_words(kept)} of WAL."
        )
        at_alpha(admin, GO_ON, slot)

        def is_content():
            connection.execute("CHECKPOINT")
            return findings(tenant) == []

        wait_for(is_content, "it still keeps as much", seconds=60)
    write(tenant, "beta", 3)
    back = rollback_move(str(move.pk))
    assert (back.state, back.target) == ("soaking", "alpha")
    assert back.verified
    assert written(tenant) == [(1, 1), (1, 2), (1, 3)]
    finish_move(str(move.pk))
    settled(tenant, on="alpha")


def test_the_doctor_takes_away_a_slot_of_a_move_that_ended_and_not_the_way_back_of_one_that_soaks(
    stopped, admin, new_tenant
):
    tenant, move, slot = stopped
    gone = new_tenant()
    ended = move_tenant(gone.request())
    assert ended.state == "done"
    orphan = f"mv_{gone.id}_{ended.move_id}_1_there"
    with admin("beta") as connection:
        connection.execute("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", (orphan,))
        write_much(connection, orphan)
        (found,) = findings(gone)
        (kept,) = connection.execute(KEPT, (orphan,)).fetchone()
        assert (found["ill"], found["subject"], found["mends"]) == ("slot", orphan, True)
        assert f"which has ended; it keeps {size_in_words(kept)} of WAL." in found["says"]
        _, content = doctor("--fix")
        assert not content
        assert findings(gone) == []
        assert streams_of(gone.id, "beta") == []
        (left,) = findings(tenant)
        assert (left["ill"], left["subject"], left["mends"]) == ("wal", slot, False)
        assert f"`manage.py finish_move {move.pk}`" in left["remedy"]
        connection.execute("CHECKPOINT")
        assert connection.execute(ON_DISK).fetchone()[0] >= MUCH_WAL
        assert finish_move(str(move.pk)).state == "done"
        assert findings(tenant) == []
        connection.execute("CHECKPOINT")
        assert connection.execute(ON_DISK).fetchone()[0] < MUCH_WAL, "the disk is free again"
    settled(tenant, on="beta")


def test_a_slot_that_is_lost_is_told_and_a_rollback_refuses_at_once(lost, admin):
    tenant, move, slot = lost
    (found,) = findings(tenant)
    assert (found["ill"], found["shard"], found["subject"]) == ("lost", "beta", slot)
    assert f"`manage.py finish_move {move.pk}`" in found["remedy"]
    at_alpha(admin, GO_ON, slot)
    began = time.monotonic()
    with pytest.raises(EndsChanged, match=f"beta: slot {slot} is lost.* finish_move {move.pk}`"):
        rollback_move(str(move.pk))
    assert time.monotonic() - began < 20, "at once, not when a row does not come for an hour"
    assert [one["ill"] for one in findings(tenant)] == ["lost"], "it soaks as before"
    write(tenant, "beta", 3)
    assert not may_write(tenant.id, "alpha")
    assert finish_move(str(move.pk)).state == "done"
    assert written(tenant) == [(1, 1), (1, 2), (1, 3)]
    settled(tenant, on="beta")
