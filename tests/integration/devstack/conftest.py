"""A small stack of the test's own: control, alpha and Redis, which may be broken in any way."""

from collections.abc import Iterator

import psycopg
import pytest

from devstack.stack import Stack
from tests.fixtures.servers import throw_away_stack


@pytest.fixture(scope="package")
def small_stack(django_db_blocker) -> Iterator[Stack]:
    with throw_away_stack(shards=("alpha",)) as made:
        yield made


@pytest.fixture
def own_stack(small_stack) -> Iterator[Stack]:
    """Runs at the start of each test, and holds one row that must not be lost."""
    small_stack.start()
    with psycopg.connect(small_stack.admin_conninfo("alpha"), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer")
    return small_stack


def pids(stack: Stack) -> dict[str, int | None]:
    return {name: server.pid for name, server in stack.servers.items()}


def kept_row(stack: Stack) -> tuple[int] | None:
    with psycopg.connect(stack.admin_conninfo("alpha")) as connection:
        return connection.execute("SELECT answer FROM kept").fetchone()
