"""What is not moved, and that nothing was changed then."""

import psycopg
import pytest
from psycopg import sql

from sharding.moves.services import server_fit
from sharding.moves.services.moving import move_tenant
from sharding.moves.services.preflight import plan_move
from sharding.moves.types import MoveRequest
from sharding.placements.errors import LeaseHeld, NoSuchPlacement, NoSuchShard
from sharding.placements.models import ReservedRole, Shard
from sharding.placements.services.leases import lease
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from tenants.services.suspend import resume_tenant, suspend_tenant
from tests.integration.moves.conftest import add_table, may_write


@pytest.fixture(scope="module")
def tenant(new_tenant):
    return new_tenant()


@pytest.fixture
def own(stack_ready):
    with own_connection(registry.shard("alpha")) as connection:
        yield connection


def test_to_the_shard_where_it_is(refused):
    assert refused("alpha") == ["moves.there_already"]


def test_to_a_shard_that_is_none(tenant):
    with pytest.raises(NoSuchShard):
        move_tenant(MoveRequest(tenant.id, "delta"))


def test_a_tenant_that_is_none(tenant):
    with pytest.raises(NoSuchPlacement):
        move_tenant(MoveRequest("tnobody0", "beta"))


def test_to_a_shard_that_is_drained(refused):
    shards = Shard.objects.using("control").filter(name="beta")
    shards.update(state="draining")
    try:
        assert refused() == ["moves.target_unavailable"]
    finally:
        shards.update(state="active")


def test_to_a_shard_that_is_full(refused):
    shards = Shard.objects.using("control").filter(name="beta")
    free = ReservedRole.objects.using("control").filter(shard="beta", used_by="", placed_at=None)
    spare = list(free.values_list("pk", flat=True))
    shards.update(role_cap=1)
    ReservedRole.objects.using("control").filter(pk__in=spare).update(used_by="somebody")
    try:
        assert refused() == ["moves.target_unavailable"]
    finally:
        ReservedRole.objects.using("control").filter(pk__in=spare).update(used_by="")
        shards.update(role_cap=None)


def test_one_that_is_suspended(tenant, refused):
    suspend_tenant(tenant.slug)
    assert refused() == ["moves.suspended"]
    resume_tenant(tenant.slug)


def test_one_that_somebody_else_works_on(tenant):
    with lease(tenant.id, "migrate"), pytest.raises(LeaseHeld, match="migrate"):
        move_tenant(MoveRequest(tenant.id, "beta"))
    assert may_write(tenant.id, "alpha")


def test_one_whose_schema_is_there_already(tenant, refused):
    with own_connection(registry.shard("beta")) as own:
        own.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(tenant.id)))
        assert refused() == ["moves.target_taken"]
        own.execute(sql.SQL("DROP SCHEMA {}").format(sql.Identifier(tenant.id)))


@pytest.mark.parametrize(
    ("make", "unmake", "code"),
    [
        ("ALTER TABLE {s}.django_session FORCE ROW LEVEL SECURITY",
         "ALTER TABLE {s}.django_session NO FORCE ROW LEVEL SECURITY", "moves.tied"),
        ("CREATE MATERIALIZED VIEW {s}.counted AS SELECT count(*) FROM {s}.django_session",
         "DROP MATERIALIZED VIEW {s}.counted", "moves.tied"),
        ("ALTER TABLE {s}.django_session ENABLE ALWAYS TRIGGER zz_atoll_guard",
         "ALTER TABLE {s}.django_session DISABLE TRIGGER zz_atoll_guard", "moves.tied"),
        ("DROP TRIGGER zz_atoll_guard ON {s}.django_session",
         ("CREATE TRIGGER zz_atoll_guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON "
         "{s}.django_session FOR EACH STATEMENT EXECUTE FUNCTION atoll.guard(); "
         "ALTER TABLE {s}.django_session DISABLE TRIGGER zz_atoll_guard"), "moves.drifted"),
        ("UPDATE atoll.tenant_schema SET unfinished = 'a step' WHERE schema = {n}",
         "UPDATE atoll.tenant_schema SET unfinished = NULL WHERE schema = {n}",
         "moves.unfinished"),
        ("UPDATE atoll.tenant_schema SET digest = 'old:' || digest WHERE schema = {n}",
         "UPDATE atoll.tenant_schema SET digest = substr(digest, 5) WHERE schema = {n}",
         "moves.pending_migrations"),
        ("ALTER TABLE {s}.django_session SET UNLOGGED",
         "ALTER TABLE {s}.django_session SET LOGGED", "moves.tied"),
        ("ALTER TABLE {s}.django_session ADD COLUMN blob oid",
         "ALTER TABLE {s}.django_session DROP COLUMN blob", "moves.tied"),
        ("CREATE PUBLICATION somebodys FOR TABLE {s}.django_session",
         "DROP PUBLICATION somebodys", "moves.tied"),
        (("CREATE SCHEMA somewhere; CREATE SEQUENCE somewhere.numbers; ALTER TABLE "
         "{s}.django_session ADD COLUMN number bigint DEFAULT nextval('somewhere.numbers')"),
         "ALTER TABLE {s}.django_session DROP COLUMN number; DROP SCHEMA somewhere CASCADE",
         "moves.tied"),
        (("CREATE SCHEMA somewhere; CREATE TYPE somewhere.mood AS ENUM ('good'); ALTER TABLE "
         "{s}.django_session ADD COLUMN mood somewhere.mood"),
         "ALTER TABLE {s}.django_session DROP COLUMN mood; DROP SCHEMA somewhere CASCADE",
         "moves.tied"),
        (("CREATE SCHEMA somewhere; CREATE FUNCTION somewhere.does() RETURNS trigger LANGUAGE "
         "plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER does BEFORE INSERT ON "
         "{s}.django_session FOR EACH ROW EXECUTE FUNCTION somewhere.does()"),
         "DROP TRIGGER does ON {s}.django_session; DROP SCHEMA somewhere CASCADE", "moves.tied"),
        (("CREATE SCHEMA somewhere; CREATE VIEW somewhere.looks AS SELECT session_key FROM "
         "{s}.django_session"), "DROP SCHEMA somewhere CASCADE", "moves.tied"),
        ("CREATE SCHEMA somewhere; CREATE TABLE somewhere.part () INHERITS ({s}.django_session)",
         "DROP SCHEMA somewhere CASCADE", "moves.tied"),
        (("CREATE DOMAIN {s}.lo AS oid; ALTER TABLE {s}.django_session ADD COLUMN blob {s}.lo"),
         "ALTER TABLE {s}.django_session DROP COLUMN blob; DROP DOMAIN {s}.lo", "moves.tied"),
        ("ALTER TABLE {s}.django_session ADD COLUMN seen xid8",
         "ALTER TABLE {s}.django_session DROP COLUMN seen", "moves.tied"),
        (("CREATE TYPE {s}.mood AS ENUM ('good'); CREATE FUNCTION {s}.felt({s}.mood) RETURNS "
         "integer LANGUAGE sql IMMUTABLE AS 'SELECT 1'; CREATE CAST ({s}.mood AS integer) WITH "
         "FUNCTION {s}.felt({s}.mood)"),
         ("DROP CAST ({s}.mood AS integer); DROP FUNCTION {s}.felt({s}.mood); "
         "DROP TYPE {s}.mood"), "moves.tied"),
        ("GRANT SELECT ON {s}.django_session TO PUBLIC",
         "REVOKE SELECT ON {s}.django_session FROM PUBLIC", "moves.tied"),
        ("GRANT SELECT (session_key) ON {s}.django_session TO pg_monitor",
         "REVOKE SELECT (session_key) ON {s}.django_session FROM pg_monitor", "moves.tied"),
        ("ALTER DEFAULT PRIVILEGES IN SCHEMA {s} GRANT SELECT ON TABLES TO pg_monitor",
         "ALTER DEFAULT PRIVILEGES IN SCHEMA {s} REVOKE SELECT ON TABLES FROM pg_monitor",
         "moves.tied"),
    ],
)  # fmt: skip
def test_one_whose_schema_cannot_be_served_elsewhere(tenant, refused, own, make, unmake, code):
    names = {"s": sql.Identifier(tenant.id), "n": sql.Literal(tenant.id)}
    own.execute(sql.SQL(make).format(**names))
    try:
        assert code in refused()
    finally:
        own.execute(sql.SQL(unmake).format(**names))
    assert plan_move(MoveRequest(tenant.id, "beta")).refusals == ()


@pytest.mark.parametrize(
    ("make", "unmake", "told"),
    [
        ("CREATE FUNCTION {s}.theirs() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
         "DROP FUNCTION {s}.theirs()", "belongs to"),
        ("CREATE SEQUENCE {s}.theirs", "DROP SEQUENCE {s}.theirs", "belongs to"),
        ("CREATE ROLE somebody; GRANT {s} TO somebody", "DROP ROLE somebody",
         "somebody is a member of its role"),
        (("SET allow_system_table_mods TO on; INSERT INTO pg_seclabel SELECT oid, "
         "'pg_class'::regclass, 0, 'mask', 'hidden' FROM pg_class WHERE relname = 'django_session' "
         "AND oid::regclass::text LIKE {n} || '.%'"),
         "DELETE FROM pg_seclabel WHERE provider = 'mask'", "the security label of mask"),
    ],
)  # fmt: skip
def test_one_to_which_an_administrator_has_added(tenant, refused, stack_ready, make, unmake, told):
    names = {"s": sql.Identifier(tenant.id), "n": sql.Literal(tenant.id)}
    with psycopg.connect(stack_ready.admin_conninfo("alpha"), autocommit=True) as superuser:
        superuser.execute(sql.SQL(make).format(**names))
        try:
            assert refused() == ["moves.tied"]
            (refusal,) = plan_move(MoveRequest(tenant.id, "beta")).refusals
            assert told in refusal.reason
        finally:
            superuser.execute(sql.SQL(unmake).format(**names))


def test_one_that_another_tenants_table_refers_to(tenant, refused, new_tenant, own):
    other = new_tenant()
    add_table(
        other,
        f"CREATE TABLE leads_out (key varchar(40) REFERENCES {tenant.id}.django_session)",
    )
    try:
        assert refused() == ["moves.tied"]
    finally:
        own.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(other.id, "leads_out")))


def test_the_mover_needs_its_rights(refused, stack_ready):
    admin = stack_ready.admin_conninfo("beta")
    mover = sql.Identifier(registry.shard("beta").mover.user)
    with psycopg.connect(admin, autocommit=True) as superuser:
        right = "SET ON PARAMETER session_replication_role"
        superuser.execute(sql.SQL(f"REVOKE {right} FROM {{}}").format(mover))
        try:
            assert refused() == ["moves.rights"]
        finally:
            superuser.execute(sql.SQL(f"GRANT {right} TO {{}}").format(mover))


@pytest.mark.slow
def test_one_that_a_prepared_transaction_holds(tenant, refused, stack_ready):
    table = sql.Identifier(tenant.id, "django_session")
    with psycopg.connect(stack_ready.admin_conninfo("alpha"), autocommit=True) as superuser:
        if superuser.execute("SHOW max_prepared_transactions").fetchone() == ("0",):
            pytest.skip("these servers have no prepared transactions, as PostgreSQL is delivered")
        superuser.execute("BEGIN")
        superuser.execute(sql.SQL("LOCK TABLE {} IN ROW EXCLUSIVE MODE").format(table))
        superuser.execute("PREPARE TRANSACTION 'somebodys'")
        try:
            assert refused() == ["moves.tied"]
        finally:
            superuser.execute("ROLLBACK PREPARED 'somebodys'")


def test_one_with_more_tables_than_the_target_has_locks_for(refused, monkeypatch):
    monkeypatch.setattr(server_fit, "_LOCKS_PER_TABLE", 10_000)
    assert refused() == ["moves.locks"]


def test_one_that_sorts_by_what_the_target_has_not(refused, monkeypatch):
    asked = "SELECT 'de-x-icu', 'i', '153.120' WHERE %(schema)s <> ''"
    monkeypatch.setattr(server_fit, "_COLLATIONS", asked)
    assert refused() == ["moves.collation"]


def test_one_that_needs_an_extension_which_the_target_has_not(refused, monkeypatch):
    asked = "SELECT 'hstore', '1.8', 'extensions' WHERE %(schema)s <> ''"
    monkeypatch.setattr(server_fit, "_EXTENSIONS", asked)
    assert refused() == ["moves.extension"]


RIGHTS = {
    "REVOKE SET ON PARAMETER deadlock_timeout FROM {m}": (
        "GRANT SET ON PARAMETER deadlock_timeout TO {m}"
    ),
    "REVOKE {o} FROM {m}": "GRANT {o} TO {m} WITH INHERIT FALSE, SET TRUE",
    "REVOKE pg_read_all_stats FROM {m}": "GRANT pg_read_all_stats TO {m} WITH INHERIT TRUE",
    "REVOKE pg_signal_backend FROM {m}": "GRANT pg_signal_backend TO {m} WITH INHERIT TRUE",
}


@pytest.mark.parametrize("revoke", RIGHTS)
@pytest.mark.parametrize("shard", ["alpha", "beta"])
def test_the_mover_needs_each_of_its_rights_at_both_ends(refused, stack_ready, revoke, shard):
    server = registry.shard(shard)
    names = {
        "m": sql.Identifier(server.mover.user),
        "o": sql.Identifier(server.own.user),
    }
    with psycopg.connect(stack_ready.admin_conninfo(shard), autocommit=True) as superuser:
        superuser.execute(sql.SQL(revoke).format(**names))
        try:
            assert refused() == ["moves.rights"]
        finally:
            superuser.execute(sql.SQL(RIGHTS[revoke]).format(**names))


def test_the_mover_is_no_superuser_and_owns_nothing(stack_ready):
    """From 16 on; what it may do are the grants, one by one."""
    for shard in ("alpha", "beta"):
        server = registry.shard(shard)
        with psycopg.connect(stack_ready.admin_conninfo(shard), autocommit=True) as superuser:
            row = superuser.execute(
                "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication, "
                "rolinherit FROM pg_roles WHERE rolname = %s",
                (server.mover.user,),
            ).fetchone()
            assert row[:5] == (False, False, False, False, True)
            owned = superuser.execute(
                "SELECT count(*) FROM pg_class WHERE relowner = %s::regrole", (server.mover.user,)
            ).fetchone()
            assert owned == (0,)
