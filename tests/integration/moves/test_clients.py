"""Clients of every kind, which hammer both shards while a tenant goes back and forth.

None of them asks where the tenant is. Whatever was acknowledged is there at the end, once.
"""

import threading
import time
from contextlib import suppress

import psycopg
import pytest
from django.db import connections
from psycopg import sql

from sharding import scope
from sharding.backend.prefix import prefix_for
from sharding.moves.errors import MoveError, PauseFailed
from sharding.moves.models import Move
from sharding.moves.services.moving import move_tenant
from sharding.placements.errors import PlacementError
from tests.integration.moves.conftest import Writers, by_message, settled, written

INSERT = "INSERT INTO ledger (writer, number) VALUES (%s, %s)"


def bind(connection, tenant_id, how="BEGIN"):
    """Begin a transaction in which statements of any protocol are the tenant's."""
    connection.execute(how)
    for command in prefix_for(scope.Placement(tenant_id, "any", tenant_id, 1, "g")).commands:
        connection.execute(command)


def with_an_old_snapshot(how):
    def write(connection, tenant_id, shard, writer, number):
        bind(connection, tenant_id, how)
        connection.execute("SELECT count(*) FROM ledger")
        time.sleep(0.01)
        connection.execute(INSERT, (writer, number), prepare=False)
        connection.execute("COMMIT")

    return write


def by_a_kept_plan(connection, tenant_id, shard, writer, number):
    bind(connection, tenant_id)
    connection.execute(INSERT, (writer, number), prepare=True)
    connection.execute("COMMIT")


def by_copy(connection, tenant_id, shard, writer, number):
    bind(connection, tenant_id)
    with connection.cursor().copy("COPY ledger (writer, number) FROM STDIN") as copy:
        copy.write_row((writer, number))
    connection.execute("COMMIT")


def for_long(connection, tenant_id, shard, writer, number):
    """Longer than the fence waits; so moves have to be lucky, or try again."""
    bind(connection, tenant_id)
    connection.execute(INSERT, (writer, number))
    time.sleep(0.35)
    connection.execute("COMMIT")
    time.sleep(0.4)


KINDS = {
    "messages": by_message,
    "repeatable read": with_an_old_snapshot("BEGIN ISOLATION LEVEL REPEATABLE READ"),
    "serializable": with_an_old_snapshot("BEGIN ISOLATION LEVEL SERIALIZABLE"),
    "prepared": by_a_kept_plan,
    "COPY": by_copy,
}


def there_and_back(tenant, *, times, **more):
    """So many moves; one whose pause cannot be had is asked for again."""
    done = 0
    for _ in range(5 * times):
        with suppress(PauseFailed):
            receipt = move_tenant(tenant.request(**more))
            assert receipt.verified
            done += 1
        if done == times:
            return
    raise AssertionError(f"only {done} of {times} moves came to their end")


def no_write_is_lost(tenant, writers):
    assert written(tenant) == sorted(writers.acked)
    settled(tenant, on=tenant.shard)


def test_clients_of_all_kinds_lose_nothing(new_tenant):
    tenant = new_tenant(ledger=True)
    with Writers(tenant.id, threads=len(KINDS), kinds=tuple(KINDS.values())) as writers:
        there_and_back(tenant, times=2)
    assert {writer for writer, _ in writers.acked} == set(range(len(KINDS)))
    no_write_is_lost(tenant, writers)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_clients_of_one_kind_lose_nothing(new_tenant, kind):
    tenant = new_tenant(ledger=True)
    with Writers(tenant.id, kinds=(KINDS[kind],)) as writers:
        there_and_back(tenant, times=6)
    assert writers.refused, "the fence met somebody, or the test proves little"
    no_write_is_lost(tenant, writers)


@pytest.mark.slow
def test_long_transactions_lose_nothing(new_tenant):
    tenant = new_tenant(ledger=True)
    with Writers(tenant.id, threads=1, kinds=(for_long,)) as writers:
        there_and_back(tenant, times=2, attempts=20)
    no_write_is_lost(tenant, writers)


@pytest.mark.slow
def test_a_superuser_loses_nothing(new_tenant, stack_ready):
    """The guard holds him as well, at both ends: he would write into a copy that is being made."""
    tenant = new_tenant(ledger=True)
    statement = sql.SQL("INSERT INTO {} (writer, number) VALUES (%s, %s)").format(
        sql.Identifier(tenant.id, "ledger")
    )

    def write(connection, tenant_id, shard, writer, number):
        connection.execute(statement, (writer, number))

    def connect(shard):
        return psycopg.connect(stack_ready.admin_conninfo(shard), autocommit=True)

    with Writers(tenant.id, kinds=(write,), connect=connect) as writers:
        there_and_back(tenant, times=4)
    assert "AT001" in writers.refused
    no_write_is_lost(tenant, writers)


@pytest.mark.slow
def test_two_moves_of_one_tenant_at_once_are_one(new_tenant):
    tenant = new_tenant(ledger=True)
    request = tenant.request()
    refused, done = [], []

    def ask():
        try:
            done.append(move_tenant(request))
        except (MoveError, PlacementError) as error:
            refused.append(error)
        finally:
            connections.close_all()

    with Writers(tenant.id) as writers:
        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [receipt.state for receipt in done] == ["done"]
    assert {error.code for error in refused} <= {
        "placements.lease_held",
        "moves.already",
        "moves.refused",
    }
    assert Move.objects.using("control").filter(tenant_id=tenant.id).count() == 1
    no_write_is_lost(tenant, writers)
