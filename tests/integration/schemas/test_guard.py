"""The furniture works: armed guards refuse writes without the permit, and nothing else does."""

import threading

import psycopg
import pytest

from sharding.schemas.connections import own_connection
from sharding.schemas.services.describe import describe
from sharding.schemas.services.fence import (
    arm,
    disarm,
    grant_permit,
    guarded_tables,
    locking,
    revoke_permit,
    seal,
    unseal,
)

KINDS = (
    "CREATE TABLE note (id serial PRIMARY KEY, x int)",
    "CREATE TABLE event (day int, x int) PARTITION BY RANGE (day)",
    "CREATE TABLE event_1 PARTITION OF event FOR VALUES FROM (0) TO (10)",
    "CREATE TABLE child (y int) INHERITS (note)",
)
WRITES = (
    "INSERT INTO note (x) VALUES (1)",
    "UPDATE note SET x = 2",
    "UPDATE note SET x = 2 WHERE false",
    "DELETE FROM note",
    "INSERT INTO note (id, x) VALUES (1, 1) ON CONFLICT DO NOTHING",
    "WITH w AS (INSERT INTO note (x) VALUES (1) RETURNING x) SELECT * FROM w",
    "INSERT INTO event VALUES (1, 1)",
    "INSERT INTO event_1 VALUES (1, 1)",
    "INSERT INTO child (id, x) VALUES (50, 1)",
    "UPDATE ONLY child SET x = 3",
)


@pytest.fixture
def tenant(new_tenant):
    return new_tenant(tables=KINDS)


def refused(tenant, statement: str) -> bool:
    try:
        tenant.as_tenant(statement)
    except psycopg.Error as error:
        if error.sqlstate != "AT001":
            raise
        return True
    return False


def test_armed_and_without_the_permit_every_write_is_refused_and_reads_pass(tenant, new_tenant):
    neighbour = new_tenant(tables=KINDS)
    tenant.as_tenant("INSERT INTO note (x) VALUES (1)")
    with own_connection(tenant.server) as own:
        assert arm(own, tenant.schema) == len(KINDS)
        assert not any(refused(tenant, write) for write in WRITES)
        revoke_permit(own, tenant.schema)
        before = tenant.as_tenant("SELECT count(*), sum(x) FROM note")
        for write in WRITES:
            assert refused(tenant, write), write
            assert not refused(neighbour, write), write
        assert tenant.as_tenant("SELECT count(*), sum(x) FROM note") == before
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            tenant.as_tenant(f"GRANT REFERENCES ON write_permit TO {tenant.schema}")
        # The owner's own writes, and a superuser's, ask the same guard.
        with pytest.raises(psycopg.Error) as error:
            own.execute(f"UPDATE {tenant.schema}.note SET x = 1")
        assert error.value.sqlstate == "AT001"
        grant_permit(own, tenant.schema)
        assert not any(refused(tenant, write) for write in WRITES)
        assert disarm(own, tenant.schema) == len(KINDS)


def test_disarmed_the_permit_is_not_asked_for(tenant):
    """The control: it is the arming that makes the permit count."""
    with own_connection(tenant.server) as own:
        revoke_permit(own, tenant.schema)
        assert not any(refused(tenant, write) for write in WRITES)
        assert "its write permit is revoked" in " ".join(
            describe(tenant.server, tenant.schema).lacks
        )


def test_a_member_without_a_guard_would_let_a_write_through(tenant):
    """The control: why partitions and inheritance members have guards of their own."""
    with own_connection(tenant.server) as own:
        arm(own, tenant.schema)
        revoke_permit(own, tenant.schema)
        own.execute(f"DROP TRIGGER zz_atoll_guard ON {tenant.schema}.event_1")
    assert refused(tenant, "INSERT INTO event VALUES (1, 1)")
    assert not refused(tenant, "INSERT INTO event_1 VALUES (1, 1)")
    assert describe(tenant.server, tenant.schema).unguarded == ("event_1",)


def test_a_table_made_in_an_armed_schema_is_armed(tenant):
    with own_connection(tenant.server) as own:
        arm(own, tenant.schema)
        revoke_permit(own, tenant.schema)
    tenant.as_own("CREATE TABLE late (id int)")
    assert refused(tenant, "INSERT INTO late VALUES (1)")


def test_a_seal_hides_everything_and_is_undone(tenant):
    with own_connection(tenant.server) as own:
        seal(own, tenant.schema)
        with pytest.raises(psycopg.errors.UndefinedTable):
            tenant.as_tenant("SELECT * FROM note")
        unseal(own, tenant.schema)
    assert tenant.as_tenant("SELECT count(*) FROM note") == [(0,)]


def test_without_its_permit_table_a_schema_refuses_writes(tenant):
    with own_connection(tenant.server) as own:
        arm(own, tenant.schema)
        own.execute(f"DROP TABLE {tenant.schema}.write_permit")
    with pytest.raises(psycopg.errors.UndefinedTable):
        tenant.as_tenant("INSERT INTO note (x) VALUES (1)")


@pytest.mark.parametrize("drain", [True, False])
def test_locking_first_waits_for_writers_and_without_it_one_commits_late(tenant, drain):
    fenced = threading.Event()

    def fence() -> None:
        with own_connection(tenant.server) as own, own.transaction():
            if drain:
                own.execute(locking(tenant.schema, guarded_tables(own, tenant.schema)))
            revoke_permit(own, tenant.schema)
        fenced.set()

    with own_connection(tenant.server) as own:
        arm(own, tenant.schema)
    writer = psycopg.connect(**_as_own(tenant))
    writer.execute(f"INSERT INTO {tenant.schema}.note (x) VALUES (42)")
    thread = threading.Thread(target=fence)
    thread.start()
    committed_after_the_fence = fenced.wait(1.0)
    writer.commit()
    writer.close()
    thread.join(10)
    assert fenced.is_set()
    assert committed_after_the_fence is not drain
    assert refused(tenant, "INSERT INTO note (x) VALUES (43)")


def test_arming_does_not_wait_long_for_a_table_in_use(tenant):
    with psycopg.connect(**_as_own(tenant)) as reader, own_connection(tenant.server) as own:
        reader.execute(f"LOCK TABLE {tenant.schema}.note IN ROW EXCLUSIVE MODE")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            arm(own, tenant.schema)
        reader.rollback()
        arm(own, tenant.schema)
    assert describe(tenant.server, tenant.schema).armed


def _as_own(tenant) -> dict[str, object]:
    at, login = tenant.server.direct, tenant.server.own
    return {
        "host": at.host,
        "port": at.port,
        "dbname": at.dbname,
        "user": login.user,
        "password": login.password,
    }
