"""What is not moved, and that nothing was changed then."""

import psycopg
import pytest
from psycopg import sql

from sharding.moves.errors import MoveRefused
from sharding.moves.models import Move
from sharding.moves.services.moving import move_tenant
from sharding.moves.services.preflight import plan_move
from sharding.moves.types import MoveRequest
from sharding.placements.errors import LeaseHeld, NoSuchPlacement, NoSuchShard
from sharding.placements.models import Shard
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import get_placement
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from tenants.services.suspend import resume_tenant, suspend_tenant
from tests.integration.moves.conftest import add_table, may_write

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tenant(new_tenant):
    return new_tenant()


@pytest.fixture
def refused(tenant):
    """Asks for a move that is refused; its codes."""

    def ask(to="beta"):
        before = get_placement(tenant.id)
        with pytest.raises(MoveRefused) as caught:
            move_tenant(MoveRequest(tenant.id, to))
        after = get_placement(tenant.id)
        assert (after.shard_id, after.state, after.epoch) == (
            before.shard_id,
            before.state,
            before.epoch,
        )
        assert not Move.objects.using("control").filter(tenant_id=tenant.id).exists()
        assert "Nothing was changed" in str(caught.value)
        return [refusal.code for refusal in caught.value.refusals]

    return ask


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
