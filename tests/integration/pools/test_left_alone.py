"""Switches of PgBouncer and of psycopg's pool that we leave as they come: what they would do.

docs/how-to/pools.md says why. A test of each, since a newer version may think otherwise.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

import psycopg
import pytest
from django.db import close_old_connections
from psycopg_pool import ConnectionPool

from sharding.pools.deadline import deadlined_for
from sharding.pools.options import POOL_OPTIONS
from sharding.pools.pgbouncer.console import Console
from sharding.registry import current
from tests.faults.proxy import TcpProxy
from tests.fixtures.waiting import wait_for
from tests.integration.pools.poolers import small_pooler, two_tenants, who_am_i

pytestmark = pytest.mark.slow
PID = "SELECT pg_backend_pid()"


@pytest.fixture
def pgbouncer(fleet):
    with small_pooler(fleet.direct_registry()) as server:
        yield server


def configure(server, before: str, after: str) -> Console:
    main = server.site.folder / "pgbouncer.ini"
    text = main.read_text()
    assert before in text
    main.write_text(text.replace(before, after))
    console = Console(server.site.folder)
    console.reload()
    return console


def clients_of_web(console: Console) -> int:
    return sum(row["user"] == "web" for row in console.show("clients"))


@pytest.mark.needs("pgbouncer")
def test_a_client_that_is_idle_for_too_long_is_closed_and_no_request_fails_for_it(pgbouncer):
    """client_idle_timeout"""
    console = configure(pgbouncer, "[pgbouncer]\n", "[pgbouncer]\nclient_idle_timeout = 1\n")
    with two_tenants(("tidle0a", "tidle0b")) as (place, _):
        for _ in range(3):
            close_old_connections()  # as a request begins
            assert who_am_i(place) == ("tidle0a", "tidle0a")
            assert clients_of_web(console) == 1
            wait_for(lambda: clients_of_web(console) == 0, "it is kept")


@pytest.mark.needs("pgbouncer")
@pytest.mark.parametrize("fast", ["0", "1"])
def test_after_a_change_of_address_a_transaction_ends_where_it_began(pgbouncer, fast):
    """server_fast_close: in transaction mode there is no difference."""
    configure(pgbouncer, "[pgbouncer]\n", f"[pgbouncer]\nserver_fast_close = {fast}\n")
    shard = current.shard("alpha")
    with (
        TcpProxy(shard.direct.port) as elsewhere,
        psycopg.connect(
            **shard.pooled.parameters(shard.web), autocommit=True, prepare_threshold=None
        ) as connection,
    ):
        with connection.transaction():
            began = connection.execute(PID).fetchone()
            configure(pgbouncer, f"port={shard.direct.port} ", f"port={elsewhere.port} ")
            assert connection.execute(PID).fetchone() == began
        wait_for(lambda: connection.execute(PID).fetchone() != began, "it stays there")


@contextmanager
def pool(**options: object) -> Iterator[ConnectionPool]:
    shard = current.shard("alpha")
    with ConnectionPool(
        kwargs={**shard.direct.parameters(shard.web), "autocommit": True},
        connection_class=deadlined_for("alpha"),
        open=False,
        max_size=3,
        **{**POOL_OPTIONS, **options},
    ) as made:
        yield made


def test_connections_that_have_lived_long_enough_are_replaced_and_nobody_notices():
    """max_lifetime, an hour by itself: what a backend remembers ends by our own count sooner."""
    seen: set[int] = set()
    failed: list[psycopg.Error] = []
    ends = monotonic() + 3

    def work(made: ConnectionPool) -> None:
        while monotonic() < ends:
            try:
                with made.connection() as connection:
                    seen.add(connection.execute(PID).fetchone()[0])
            except psycopg.Error as error:
                failed.append(error)

    with pool(max_lifetime=0.5) as made:
        threads = [threading.Thread(target=work, args=(made,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
    assert len(seen) > 3


@pytest.mark.parametrize("returns", [False, True])
def test_a_connection_that_is_closed_has_ended_its_session(returns):
    """close_returns would give it to the next one, who must not have what somebody gave up."""
    with pool(close_returns=returns) as made:
        connection = made.getconn()
        pid = connection.execute(PID).fetchone()
        connection.close()
        if not returns:
            made.putconn(connection)
        with made.connection() as again:
            assert (again.execute(PID).fetchone() == pid) is returns
