"""Direct connections notice a cut cable, and rest on no default of a server or a role."""

import subprocess
import sys

import psycopg
import pytest
from psycopg import sql

from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from tests.fixtures.waiting import wait_for

_WAITS = """
import sys
from datetime import timedelta

from sharding.registry.current import shard
from sharding.schemas import connections
from sharding.schemas.errors import ServerUnreachable

for without in sys.argv[1:]:
    del connections._CUT_IS_NOTICED[without]
server = shard("alpha")
patience = connections.Patience(statement=timedelta(hours=2))
try:
    with connections.login_connection(
        server, server.direct, server.own, patience, called="waits for rows"
    ) as connection:
        connection.execute("SELECT pg_sleep(600)")
except ServerUnreachable as error:
    print("noticed", error.server)
"""
_SLEEPS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE application_name = 'waits for rows' AND state = 'active' AND query LIKE '%pg_sleep%'
"""
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"


@pytest.fixture
def admin(stack):
    with psycopg.connect(stack.admin_conninfo("alpha"), autocommit=True) as connection:
        yield connection
        connection.execute(_END, ("waits for rows",))


@pytest.fixture
def waiting(namespace, admin):
    """Starts somebody who waits for rows, in a network that can be cut."""
    started = []

    def start(*without):
        command = [sys.executable, "-c", _WAITS, *without]
        started.append(namespace.start(command))
        sleeps = lambda: admin.execute(_SLEEPS).fetchone() == (1,)  # noqa: E731
        wait_for(sleeps, "nobody waits", seconds=60)
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.communicate()


@pytest.mark.slow
def test_a_cut_is_noticed_within_seconds_though_rows_may_take_hours(namespace, waiting):
    process = waiting()
    with namespace.dropped_packets("alpha"):
        out, err = process.communicate(timeout=30)
    assert out == "noticed alpha\n", err


@pytest.mark.slow
def test_negative_control_without_probes_nobody_notices(namespace, waiting):
    process = waiting("keepalives_idle", "keepalives_interval")
    with namespace.dropped_packets("alpha"), pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=20)


@pytest.fixture
def repeatable(admin):
    """A role whose transactions see nothing new, unless they ask for it."""
    own = sql.Identifier(registry.shard("alpha").own.user)
    name = sql.SQL("default_transaction_isolation")
    admin.execute(sql.SQL("ALTER ROLE {} SET {} TO 'repeatable read'").format(own, name))
    yield
    admin.execute(sql.SQL("ALTER ROLE {} RESET {}").format(own, name))


@pytest.mark.usefixtures("repeatable")
def test_its_transactions_see_what_others_commit_meanwhile():
    with own_connection(registry.shard("alpha")) as own, own.transaction():
        assert own.execute("SHOW transaction_isolation").fetchone() == ("read committed",)
