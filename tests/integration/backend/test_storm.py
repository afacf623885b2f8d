"""PgBouncer in transaction mode, a quarter as many server connections as clients: none crossed."""

import itertools
from collections import Counter

import psycopg
import pytest
from psycopg import sql

from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from sharding.schemas.services.create_schema import create_schema, open_schema
from sharding.schemas.services.roles import make_roles
from sharding.scope import Placement
from tests.integration.backend.conftest import SERVER_CONNECTIONS
from tests.integration.backend.storm import TABLE, storm, unbound_reads

CLIENTS = 8
_numbers = itertools.count()

pytestmark = [pytest.mark.needs("pgbouncer"), pytest.mark.direct("it has a pooler of its own")]


@pytest.fixture
def tenants(grounds) -> list[Placement]:
    """Twenty tenants on alpha, each with one row that bears its name."""
    server = registry.shard("alpha")
    names = [f"tstorm{number:02d}" for number in itertools.islice(_numbers, 20)]
    places = [Placement(name, "alpha", name, 1, "g") for name in names]
    make_roles(server, [place.role for place in places])
    like = sql.Identifier(grounds.a.schema, TABLE)
    for place in places:
        create_schema(server, place.schema)
    with own_connection(server) as owner:
        for place in places:
            open_schema(owner, place.schema)
            table = sql.Identifier(place.schema, TABLE)
            owner.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(table, like))
            owner.execute(
                sql.SQL("INSERT INTO {} (name) VALUES ({})").format(
                    table, sql.Literal(f"{place.tenant_id}:first")
                )
            )
    return places


def rows_of(places) -> Counter:
    found: Counter = Counter()
    with own_connection(registry.shard("alpha")) as owner:
        for place in places:
            table = sql.Identifier(place.schema, TABLE)
            for (name,) in owner.execute(
                sql.SQL("SELECT name FROM {} WHERE name NOT LIKE '%:first'").format(table)
            ):
                found[place.tenant_id, name] += 1
    return found


@pytest.mark.parametrize("operations", [250, pytest.param(1250, marks=pytest.mark.slow)])
def test_nothing_crosses_and_without_the_prefix_it_does(
    tenants, operations, through_pgbouncer, pgbouncer
):
    weather = storm(tenants, clients=CLIENTS, operations=operations)
    assert weather.unexpected == []
    assert weather.crossed == []
    assert weather.statements > 2 * CLIENTS * operations
    assert min(weather.done.values()) > CLIENTS * operations / 100, "every kind of work was done"
    # What was committed is there, once, with its own tenant; what was not is nowhere.
    assert rows_of(tenants) == weather.committed
    assert {row.split(":")[0] == tenant for tenant, row in weather.committed} == {True}
    assert _server_connections(pgbouncer) <= SERVER_CONNECTIONS

    seen = unbound_reads(tenants, clients=CLIENTS, operations=100)
    assert seen["crossed"] > 0, f"this pooler would not have shown a missing prefix: {seen}"
    print(f"{weather.statements} statements, {dict(weather.done)}; without prefix: {dict(seen)}")


def _server_connections(pgbouncer) -> int:
    with psycopg.connect(pgbouncer.server.console, autocommit=True) as console:
        cursor = psycopg.ClientCursor(console)
        cursor.execute("SHOW SERVERS")
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    return sum(row["database"] == "backend_alpha" and row["user"] == "web" for row in rows)
