"""A schema is taken away a few tables at a time, however it was left."""

import subprocess
import sys
import threading
from datetime import timedelta

import psycopg
import pytest

from sharding.registry.toml_file import write_registry
from sharding.registry.types import Registry
from sharding.schemas.connections import own_connection
from sharding.schemas.errors import ForeignSchema, SchemaInUse
from sharding.schemas.services.create_schema import create_schema
from sharding.schemas.services.describe import describe, survey
from sharding.schemas.services.drop_schema import drop_schema
from sharding.schemas.services.markers import read_marker
from sharding.schemas.types import Phase
from tests.fixtures.waiting import wait_for

MANY = (
    *(f"CREATE TABLE n{n} (id serial PRIMARY KEY, t text UNIQUE)" for n in range(20)),
    *(f"ALTER TABLE n{n} ADD parent int REFERENCES n{n - 1} (id)" for n in range(1, 20)),
    "CREATE TABLE event (day int) PARTITION BY RANGE (day)",
    "CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (0) TO (9)",
    "CREATE VIEW peek WITH (security_invoker) AS SELECT id FROM n0",
    "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE TYPE mood AS ENUM ('good')",
)

COUNT_TABLES = """
    SELECT count(*) FROM pg_class
    WHERE relnamespace = to_regnamespace(%s) AND relkind IN ('r', 'p')
"""


def as_own(tenant) -> dict[str, object]:
    at, login = tenant.server.direct, tenant.server.own
    return {
        "host": at.host,
        "port": at.port,
        "dbname": at.dbname,
        "user": login.user,
        "password": login.password,
    }


def tables_of(tenant) -> int:
    with own_connection(tenant.server) as connection:
        (count,) = connection.execute(COUNT_TABLES, (tenant.schema,)).fetchone()
    return count


def gone(server, schema: str) -> bool:
    found = describe(server, schema)
    return not found.exists and found.marker is None


def test_a_schema_with_all_that_it_holds_goes_in_batches_and_neighbours_stay(new_tenant):
    neighbour, tenant = new_tenant(), new_tenant(tables=MANY)
    neighbour.as_tenant("INSERT INTO note (x) VALUES (1)")
    dropped = drop_schema(tenant.server, tenant.schema, max_locks=60)
    assert (dropped.existed, dropped.tables) == (True, 24)
    assert dropped.transactions > 5
    assert gone(tenant.server, tenant.schema)
    assert neighbour.as_tenant("SELECT x FROM note") == [(1,)]
    assert drop_schema(tenant.server, tenant.schema).existed is False


def test_no_transaction_of_a_drop_holds_more_locks_than_it_may(new_tenant):
    most, watching = [0], threading.Event()
    tenant = new_tenant(tables=MANY)

    def watch() -> None:
        with own_connection(tenant.server) as connection:
            while not watching.is_set():
                row = connection.execute(
                    "SELECT coalesce(max(held), 0) FROM (SELECT count(*) AS held FROM pg_locks"
                    " WHERE mode = 'AccessExclusiveLock' AND database ="
                    " (SELECT oid FROM pg_database WHERE datname = current_database())"
                    " GROUP BY pid) sessions"
                ).fetchone()
                most[0] = max(most[0], row[0])

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        drop_schema(tenant.server, tenant.schema, max_locks=60)
    finally:
        watching.set()
        watcher.join()
    assert most[0] <= 60


@pytest.mark.parametrize("left", ["nothing but the row", "an empty schema", "some of the tables"])
def test_what_was_half_made_or_half_dropped_is_finished(shard, role_names, new_tenant, left):
    if left == "some of the tables":
        tenant = new_tenant(tables=MANY)
        schema = tenant.schema
        with own_connection(shard) as connection:
            connection.execute(f"DROP TABLE {schema}.n0, {schema}.write_permit CASCADE")
            connection.execute(
                "UPDATE atoll.tenant_schema SET phase = 'tombstone' WHERE schema = %s", (schema,)
            )
    else:
        schema = next(role_names)
        create_schema(shard, schema)
        if left == "nothing but the row":
            with own_connection(shard) as connection:
                connection.execute(f"DROP SCHEMA {schema} CASCADE")
    assert schema in survey(shard).half_made
    assert drop_schema(shard, schema).existed is True
    assert gone(shard, schema)


VICTIM = """
import sys
from sharding.registry.current import shard
from sharding.schemas.services.drop_schema import drop_schema
drop_schema(shard("alpha"), sys.argv[1], max_locks=60)
"""


def test_a_drop_that_is_killed_is_finished_by_the_next(new_tenant, tmp_path, monkeypatch):
    tenant = new_tenant(tables=MANY)
    path = tmp_path / "registry.toml"
    write_registry(path, Registry(version=1, shards={"alpha": tenant.server}))
    monkeypatch.setenv("ATOLL_REGISTRY", str(path))
    with psycopg.connect(**as_own(tenant)) as reader:
        # The drop gets as far as what this table depends on, and waits there.
        reader.execute(f"SELECT count(*) FROM {tenant.schema}.n5")
        victim = subprocess.Popen([sys.executable, "-c", VICTIM, tenant.schema])
        try:
            # Counted by the catalogue alone: a look at the whole would meet what is just going.
            wait_for(lambda: tables_of(tenant) <= 15, "the drop never got going", seconds=60)
        finally:
            victim.kill()
            victim.wait()
    with own_connection(tenant.server) as connection:
        assert read_marker(connection, tenant.schema).phase is Phase.TOMBSTONE
    # Half of it is there still, and its tenant sees none of it.
    with pytest.raises(psycopg.errors.UndefinedTable):
        tenant.as_tenant("SELECT * FROM n5")
    assert 0 < drop_schema(tenant.server, tenant.schema).tables < 24
    assert gone(tenant.server, tenant.schema)


def test_a_table_that_somebody_holds_ends_the_drop_in_time_and_the_next_one_finishes(new_tenant):
    tenant = new_tenant()
    with psycopg.connect(**as_own(tenant)) as reader:
        reader.execute(f"SELECT count(*) FROM {tenant.schema}.note")
        with pytest.raises(SchemaInUse, match="waited too long"):
            drop_schema(tenant.server, tenant.schema, give_up_after=timedelta(seconds=0.5))
        reader.rollback()
    assert tenant.schema in survey(tenant.server).half_made
    drop_schema(tenant.server, tenant.schema)
    assert gone(tenant.server, tenant.schema)


def test_a_schema_of_somebody_else_is_not_dropped(prepared, role_names):
    schema = next(role_names)
    with prepared.superuser() as connection:
        connection.execute(f"CREATE SCHEMA {schema} AUTHORIZATION own")
        with pytest.raises(ForeignSchema):
            drop_schema(prepared.server, schema)
        with pytest.raises(ForeignSchema):
            drop_schema(prepared.server, "public")
        row = connection.execute(f"SELECT to_regnamespace('{schema}') IS NOT NULL").fetchone()
        assert row == (True,)
        connection.execute(f"DROP SCHEMA {schema}")
