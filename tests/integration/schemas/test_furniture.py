"""What every tenant schema carries, and how a lack of it shows."""

import psycopg
import pytest

from sharding.schemas.connections import own_connection
from sharding.schemas.errors import ForeignSchema, NoSuchRole, SchemaMissing, WrongPhase
from sharding.schemas.services.create_schema import create_schema, open_schema
from sharding.schemas.services.describe import describe, survey
from sharding.schemas.services.furnish import furnish
from sharding.schemas.services.markers import read_marker, set_phase
from sharding.schemas.types import Guard, Phase

ALL_KINDS = (
    "CREATE TABLE note (id serial PRIMARY KEY, x int)",
    "CREATE TABLE entry (id int GENERATED ALWAYS AS IDENTITY, x int)",
    "CREATE TABLE event (day int, x int) PARTITION BY RANGE (day)",
    "CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (0) TO (10)",
    "CREATE TABLE event_2 PARTITION OF event FOR VALUES FROM (10) TO (20) PARTITION BY LIST (x)",
    "CREATE TABLE event_2a PARTITION OF event_2 FOR VALUES IN (1)",
    "CREATE TABLE child () INHERITS (note)",
    'CREATE TABLE "Odd ""name""; --" (id int)',
)


def test_every_table_partition_and_member_has_a_disarmed_guard(new_tenant):
    tenant = new_tenant(tables=ALL_KINDS)
    found = describe(tenant.server, tenant.schema)
    assert len(found.tables) == len(ALL_KINDS)
    assert {table.guard for table in found.tables} == {Guard.DISARMED}
    assert all(table.readable and table.writable for table in found.tables)
    assert found.lacks == ()
    assert found.marker.phase is Phase.ACTIVE
    assert found.marker.epoch == 1


def test_a_schema_is_closed_until_it_is_opened(shard, role_names, new_tenant):
    tenant = new_tenant(tables=())
    schema = next(role_names)
    assert create_schema(shard, schema) is True
    closed = describe(shard, schema)
    assert (closed.permit, closed.usage, closed.marker.phase) == (False, False, Phase.INCOMING)
    assert closed.lacks == ()
    assert schema in survey(shard).half_made
    with own_connection(shard) as connection:
        open_schema(connection, schema, epoch=3)
        open_schema(connection, schema)
    opened = describe(shard, schema)
    assert (opened.permit, opened.usage, opened.marker.epoch) == (True, True, 3)
    assert schema not in survey(shard).half_made
    assert describe(shard, tenant.schema).lacks == ()


def test_creating_again_leaves_a_fenced_schema_fenced(new_tenant):
    tenant = new_tenant()
    with own_connection(tenant.server) as connection, connection.transaction():
        set_phase(connection, tenant.schema, Phase.FENCED)
        connection.execute(
            f"REVOKE REFERENCES ON {tenant.schema}.write_permit FROM {tenant.schema}"
        )
    assert create_schema(tenant.server, tenant.schema) is False
    found = describe(tenant.server, tenant.schema)
    assert (found.permit, found.marker.phase, found.lacks) == (False, Phase.FENCED, ())


def test_the_tenant_may_neither_use_nor_see_through_its_furniture(new_tenant):
    tenant = new_tenant()
    for denied in (
        "SELECT * FROM heartbeat",
        "INSERT INTO heartbeat VALUES (3, 0)",
        "UPDATE heartbeat SET v = 1",
        "SELECT * FROM write_permit",
        "DROP TABLE write_permit",
        "ALTER TABLE note DISABLE TRIGGER zz_atoll_guard",
        "TRUNCATE note",
        "CREATE TABLE mine ()",
        "SELECT setval('note_id_seq', 99)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            tenant.as_tenant(denied)
    assert describe(tenant.server, tenant.schema).lacks == ()


def test_a_table_made_without_furnishing_is_drift_and_furnishing_mends_it(new_tenant):
    tenant = new_tenant()
    with own_connection(tenant.server) as connection:
        connection.execute(f"CREATE TABLE {tenant.schema}.bare (id int)")
        connection.execute(f"REVOKE ALL ON {tenant.schema}.note FROM {tenant.schema}")
        connection.execute(f"CREATE VIEW {tenant.schema}.peek AS SELECT 1 AS one")
        found = describe(tenant.server, tenant.schema)
        assert found.unguarded == ("bare",)
        assert set(found.lacks) == {
            "table bare has no guard",
            "table note lacks its tenant's rights",
            "view peek runs as its owner, who owns every tenant",
        }
        connection.execute(f"ALTER VIEW {tenant.schema}.peek SET (security_invoker = true)")
        furnish(connection.execute, tenant.schema)
    assert describe(tenant.server, tenant.schema).lacks == ()
    assert tenant.as_tenant("INSERT INTO note (x) VALUES (1)") == 1


def test_furnishing_in_a_transaction_that_is_rolled_back_leaves_nothing(new_tenant):
    tenant = new_tenant()
    with own_connection(tenant.server) as connection, connection.transaction(force_rollback=True):
        connection.execute(f"CREATE TABLE {tenant.schema}.gone (id int)")
        furnish(connection.execute, tenant.schema)
    assert [table.name for table in describe(tenant.server, tenant.schema).tables] == ["note"]


def test_a_table_with_deferred_checks_pending_can_be_furnished(new_tenant):
    tenant = new_tenant(
        tables=(
            "CREATE TABLE parent (id int PRIMARY KEY)",
            "CREATE TABLE kid (p int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
            "INSERT INTO kid VALUES (1)",
            "INSERT INTO parent VALUES (1)",
        )
    )
    assert describe(tenant.server, tenant.schema).lacks == ()


def test_neighbours_see_nothing_of_each_other(new_tenant):
    one, other = new_tenant(), new_tenant()
    for turn in range(3):
        one.as_tenant(f"INSERT INTO note (x) VALUES ({turn})")
        assert other.as_tenant("SELECT count(*) FROM note") == [(0,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.as_tenant(f"SELECT * FROM {one.schema}.note")
    assert one.as_tenant("SELECT count(*) FROM note") == [(3,)]


def test_a_schema_without_its_role_is_refused(shard):
    with pytest.raises(NoSuchRole, match="'tnorole11'"):
        create_schema(shard, "tnorole11")
    found = describe(shard, "tnorole11")
    assert (found.exists, found.marker) == (False, None)


def test_a_schema_of_somebody_else_is_not_taken_over(prepared, role_names):
    schema = next(role_names)
    with prepared.superuser() as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        connection.execute(f"CREATE TABLE {schema}.theirs (id int)")
    with pytest.raises(ForeignSchema):
        create_schema(prepared.server, schema)
    with prepared.superuser() as connection:
        assert connection.execute(f"SELECT count(*) FROM {schema}.theirs").fetchone() == (0,)
        connection.execute(f"DROP SCHEMA {schema} CASCADE")


def test_a_phase_is_changed_by_no_older_token(new_tenant):
    tenant = new_tenant()
    with own_connection(tenant.server) as connection:
        set_phase(connection, tenant.schema, Phase.FENCED, token=7)
        with pytest.raises(WrongPhase, match="token 7"):
            set_phase(connection, tenant.schema, Phase.ACTIVE, token=6)
        marker = read_marker(connection, tenant.schema)
        assert (marker.phase, marker.token) == (Phase.FENCED, 7)
        with pytest.raises(SchemaMissing):
            set_phase(connection, "tneverwas1", Phase.ACTIVE)
