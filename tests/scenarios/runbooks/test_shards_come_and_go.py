"""What the runbooks of adding and retiring a shard say is typed, and that it prints, is so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from devstack.logins import logins_of
from devstack.postgres_server import SUPERUSER, PostgresServer
from sharding.rebalance.services.sampling import sample_shard
from tests.fixtures.pages import Walk
from tests.fixtures.servers import throw_away_stack
from tests.scenarios.runbooks.conftest import TENANTS, World, world_of

# Rows of a kilobyte each. Who is moved, and why the others are not, follows from them.
ROWS: Final = {"acme": 4200, "birch": 290, "coral": 3700, "dune": 540}
FILL: Final = """
    INSERT INTO "{schema}".django_session (session_key, session_data, expire_date)
    SELECT 'row ' || n, repeat(md5(n::text), 31), now() FROM generate_series(1, {rows}) AS n
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def world(tmp_path: Path, django_db_blocker) -> Iterator[World]:
    """One of its own: tenants are elsewhere afterwards."""
    with world_of(tmp_path / "world", django_db_blocker.unblock) as made:
        yield made


@pytest.fixture
def bare(world: World) -> Iterator[str]:
    """How an administrator reaches the database of a server that is no shard yet."""
    with throw_away_stack(shards=("gamma",), redis=False) as other:
        server = other.server("gamma")
        assert isinstance(server, PostgresServer)
        # Of servers that others made nobody knows logins; those here are ready for tests.
        with psycopg.connect(other.admin_conninfo("gamma"), autocommit=True) as admin:
            major = admin.info.server_version // 10_000
            for login in map(sql.Identifier, logins_of("gamma", major)):
                admin.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(login))
            database = admin.info.dbname
        yield make_conninfo(
            host="127.0.0.1",
            port=server.port,
            dbname=database,
            user=SUPERUSER,
            password=server.password,
        )


def test_a_shard_is_added_and_another_day_retired(world: World, bare: str):
    for slug, rows in ROWS.items():
        told, status = world.psql(
            TENANTS[slug], FILL.format(schema=world.places[slug].schema, rows=rows)
        )
        assert status == 0, told
    # Beat and workers of the shards' queues do that where there are some.
    for shard in set(TENANTS.values()):
        sample_shard(shard)
    _is_added(world, bare)
    assert living_on(world, "gamma")
    for slug in TENANTS:
        world.until_served(slug)
    _is_retired(world)
    assert "gamma" not in world.shell("manage.py list_shards")[0]
    for slug in TENANTS:
        world.until_served(slug)


def _is_added(world: World, bare: str) -> None:
    page = world.walk("add-a-shard-and-rebalance", "alpha")
    page.places |= {"host=10.0.0.7 user=postgres password=… dbname=shard": bare}
    page.do("Check", "manage.py list_shards")
    page.do("Check", "manage.py shard_report")
    page.do("Act", "export ATOLL_ADMIN_CONNINFO")
    page.do("Act", "manage.py add_shard gamma")
    page.do("Act", "manage.py set_shard_capacity gamma")
    page.do("Act", "manage.py rebalance_shards --dry-run")
    page.do("Act", "manage.py rebalance_shards --yes --here")
    _verify(page)


def _is_retired(world: World) -> None:
    page = world.walk("retire-a-shard", "alpha")
    page.do("Check", "manage.py list_shards")
    page.do("Check", "manage.py drain_shard gamma --dry-run")
    page.do("Act", "manage.py drain_shard gamma")
    page.do("Act", "manage.py remove_shard gamma --dry-run", ends=1)
    page.do("Act", "manage.py rebalance_shards --dry-run")
    page.do("Act", "manage.py rebalance_shards --yes --here")
    page.do("Act", "manage.py remove_shard gamma")
    _verify(page)


def _verify(page: Walk) -> None:
    for step in [each for each in page.left if each.section == "Verify"]:
        page.do("Verify", step.text)
    page.is_at_its_end()


def living_on(world: World, shard: str) -> list[str]:
    told, status = world.shell(f"manage.py list_tenants --shard {shard}")
    assert status == 0, told
    return re.findall(r"^(\w+) ", told, re.MULTILINE)[1:]
