"""A soak of minutes under writes, and the way back: nothing is lost, and rows are equal."""

import time
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from sharding.moves.core.steps import Mode
from sharding.moves.errors import CopiesDiffer
from sharding.moves.models import Move
from sharding.moves.services.after_soak import finish_move, rollback_move
from sharding.moves.services.examining import examine
from sharding.moves.services.moving import move_tenant
from sharding.moves.services.recovering import recover_move
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from sharding.schemas.services.transfer import read_sequences
from tests.integration.moves.conftest import (
    Writers,
    add_table,
    as_tenant,
    by_message,
    connect_as_web,
    may_write,
    settled,
    write,
    written,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SOAK = timedelta(minutes=3)
LOOKS_EVERY_S = 10
SCRATCH = "CREATE TABLE scratch (id bigserial PRIMARY KEY, writer integer, said text)"


def changing_others(connection, tenant_id, shard, writer, number):
    """Rows are changed and deleted as well, in the same statement."""
    statement = (
        f"WITH changed AS (UPDATE ledger SET said = 'changed by {number}' "
        f"WHERE writer = {writer} AND number BETWEEN {number - 10} AND {number - 5}), "
        f"gone AS (DELETE FROM scratch WHERE writer = {writer}), "
        f"kept AS (INSERT INTO scratch (writer, said) VALUES ({writer}, '{number}')) "
        f"INSERT INTO ledger (writer, number) VALUES ({writer}, {number})"
    )
    as_tenant(connection, tenant_id, shard, statement)


def soaks(tenant):
    receipt = move_tenant(tenant.request(mode=Mode.LOGICAL))
    assert (receipt.state, receipt.target) == ("soaking", "beta")
    return receipt


def highest(tenant, shard):
    """The ledger's highest number, and the last that its sequence gave out."""
    with own_connection(registry.shard(shard)) as own:
        asked = sql.SQL("SELECT max(id) FROM {}").format(sql.Identifier(tenant.id, "ledger"))
        (most,) = own.execute(asked).fetchone()
        (last,) = [s for s in read_sequences(own, tenant.id) if s.name == "ledger_id_seq"]
    return most, last.last_value


def test_after_minutes_of_writes_the_way_back_loses_none_and_both_copies_are_equal(new_tenant):
    tenant = new_tenant(ledger=True)
    add_table(tenant, SCRATCH)
    with Writers(tenant.id, kinds=(by_message, changing_others)) as writers:
        there = soaks(tenant)
        arrived, ends = len(writers.acked), time.monotonic() + SOAK.total_seconds()
        while time.monotonic() < ends:
            time.sleep(LOOKS_EVERY_S)
            assert [one for one in examine() if one.tenant_id == tenant.id] == []
            assert not may_write(tenant.id, "alpha")
        in_the_soak = len(writers.acked) - arrived
        back = rollback_move(str(there.move_id))
        assert (back.state, back.target) == ("soaking", "alpha")
        # What both copies held at its switch; a row more or less is another one.
        assert back.verified not in ("", there.verified)
    assert written(tenant) == sorted(writers.acked)
    assert in_the_soak > SOAK.total_seconds(), "hardly anybody wrote"
    most, last = highest(tenant, "alpha")
    assert last >= most
    with connect_as_web("alpha") as client:
        as_tenant(client, tenant.id, "alpha", "INSERT INTO ledger (writer, number) VALUES (9, 1)")
    assert highest(tenant, "alpha")[0] > most
    assert finish_move(str(there.move_id)).state == "done"
    settled(tenant, on="alpha")


def test_negative_control_one_row_that_the_copy_lost_in_the_soak_is_found_on_the_way_back(
    new_tenant, stack_ready
):
    tenant = new_tenant(ledger=True)
    there = soaks(tenant)
    write(tenant, "beta", *range(50))
    # By nobody's stream: it would carry the loss to the other copy.
    with psycopg.connect(stack_ready.admin_conninfo("alpha"), autocommit=True) as admin:
        lost = sql.SQL("DELETE FROM {} WHERE number = 7").format(
            sql.Identifier(tenant.id, "ledger")
        )
        admin.execute("SELECT pg_replication_origin_create('a disk')")
        admin.execute("SELECT pg_replication_origin_session_setup('a disk')")
        admin.execute("SET session_replication_role TO replica")
        deadline = time.monotonic() + 30
        while not admin.execute(lost).rowcount:
            assert time.monotonic() < deadline, "the row does not arrive"
            time.sleep(0.05)
        admin.execute("SELECT pg_replication_origin_session_reset()")
        admin.execute("SELECT pg_replication_origin_drop('a disk')")
    with pytest.raises(CopiesDiffer, match="ledger"):
        rollback_move(str(there.move_id))
    assert tenant.shard == "alpha"
    assert len(written(tenant)) == 49
    move = Move.objects.using("control").get(pk=there.move_id)
    # As if the person who looked had decided to keep the copy without it.
    kept = {name: what for name, what in move.result.items() if name != "differ"}
    Move.objects.using("control").filter(pk=move.pk).update(result=kept)
    assert recover_move(str(move.pk)).state == "soaking"
    assert finish_move(str(move.pk)).state == "done"
    settled(tenant, on="alpha")
