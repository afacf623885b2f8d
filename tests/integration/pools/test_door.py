"""What a server says to who has not logged in: whether it is there, and lets others be."""

import asyncio
import os
import signal
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql

from sharding.pools.breaking.door import lets_others_be
from sharding.registry import current
from tests.faults.down import Down
from tests.fixtures.servers import throw_away_stack
from tests.fixtures.waiting import wait_for

WITHIN_S = 2.0


def is_there(endpoint, user="web"):
    async def ask():
        async with asyncio.timeout(WITHIN_S):
            return await lets_others_be(endpoint, user)

    return asyncio.run(ask())


@pytest.mark.parametrize("who", ["web", "nobody-known"])
def test_a_server_that_asks_who_we_are_is_there(fleet, who):
    assert is_there(current.shard("alpha").direct, who)


def test_one_that_is_reached_by_its_socket_is_there_too(fleet):
    with psycopg.connect(fleet.admin_conninfo("alpha")) as admin:
        folder = admin.info.host
    assert folder.startswith("/")
    assert is_there(replace(current.shard("alpha").direct, host=folder))


def test_a_database_that_is_not_there_or_lets_nobody_in_says_nothing_of_the_server(fleet):
    assert is_there(replace(current.shard("alpha").direct, dbname="never_made"))
    with psycopg.connect(fleet.admin_conninfo("alpha", "postgres"), autocommit=True) as admin:
        limit = sql.SQL("ALTER ROLE web CONNECTION LIMIT {}")
        admin.execute(limit.format(0))
        try:
            assert is_there(current.shard("alpha").direct)
        finally:
            admin.execute(limit.format(-1))


def test_one_that_refuses_connections_is_not(faulty):
    beta = faulty.registry.shards["beta"].direct
    with faulty.down("beta", Down.REFUSED):
        assert not is_there(beta)
    assert is_there(beta)


def test_one_that_hangs_says_nothing(faulty):
    beta = faulty.registry.shards["beta"].direct
    with faulty.down("beta", Down.SIGSTOP), pytest.raises(TimeoutError):
        is_there(beta)


def test_of_several_each_must_be_there(faulty):
    """Which of them somebody's connections go to, nobody knows."""
    beta = faulty.registry.shards["beta"].direct
    both = replace(beta, host=f"{beta.host},127.0.0.9")
    assert not is_there(both)
    assert is_there(replace(beta, host=f"{beta.host},{beta.host}"))


@pytest.mark.slow
def test_one_that_shuts_down_is_not_there_though_it_serves_its_last_sessions():
    with throw_away_stack(shards=(), redis=False) as stack:
        control = stack.registry().control
        with psycopg.connect(stack.admin_conninfo("control"), autocommit=True) as last:
            assert is_there(control.direct)
            os.kill(stack.server("control").pid, signal.SIGTERM)  # "smart"
            wait_for(lambda: not is_there(control.direct))
            assert last.execute("SELECT 1").fetchone() == (1,)
