"""What the two servers have, lack or say, so that a tenant is not moved; nothing was changed."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from psycopg import sql

from sharding.moves.core.steps import Mode
from sharding.moves.services import alike, features, preflight, stream_ways
from sharding.moves.services.moving import move_tenant
from sharding.moves.services.preflight import plan_move
from sharding.moves.types import Refusal
from sharding.placements.models import ReservedRole, Shard
from sharding.placements.services.reserving import new_tenant_id
from sharding.rebalance.models import Pin
from sharding.registry import current as registry
from sharding.schemas.connections import login_connection, own_connection
from tests.integration.moves.conftest import add_table, settled

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tenant(new_tenant):
    return new_tenant()


@pytest.fixture
def admin(stack_ready):
    """Changes a server as its superuser for a block, and takes that back."""

    @contextmanager
    def change(shard, make, unmake, **names):
        with psycopg.connect(stack_ready.admin_conninfo(shard), autocommit=True) as superuser:
            superuser.execute(sql.SQL(make).format(**names))
            try:
                yield superuser
            finally:
                superuser.execute(sql.SQL(unmake).format(**names))

    return change


def reasons(tenant, **more):
    return [one.reason for one in plan_move(tenant.request(**more)).refusals]


@pytest.mark.parametrize("shard", ["alpha", "beta"])
def test_a_server_with_an_event_trigger(tenant, refused, admin, shard):
    make = """
        CREATE FUNCTION public.watches() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
        CREATE EVENT TRIGGER watches ON ddl_command_end EXECUTE FUNCTION public.watches()
    """
    unmake = "DROP EVENT TRIGGER watches; DROP FUNCTION public.watches()"
    with admin(shard, make, unmake) as superuser:
        assert refused() == ["moves.event_trigger"]
        assert f"{shard} has the event trigger watches" in reasons(tenant)[0]
        superuser.execute("ALTER EVENT TRIGGER watches DISABLE")
        assert reasons(tenant) == []


def test_a_table_in_a_tablespace_that_is_not_there(tenant, refused, admin, stack_ready):
    table = sql.Identifier(tenant.id, "django_session")
    with psycopg.connect(stack_ready.admin_conninfo("alpha"), autocommit=True) as superuser:
        superuser.execute("SET allow_in_place_tablespaces TO on")
        superuser.execute("CREATE TABLESPACE faster LOCATION ''")
        moved = "ALTER TABLE {t} SET TABLESPACE faster"
        back = "ALTER TABLE {t} SET TABLESPACE pg_default"
        try:
            with admin("alpha", moved, back, t=table):
                assert refused() == ["moves.tablespace"]
        finally:
            superuser.execute("DROP TABLESPACE faster")


def test_an_index_that_needs_an_extension_which_no_table_needs(tenant, refused, admin):
    with own_connection(registry.shard("alpha")) as own:
        asked = "SELECT FROM pg_available_extensions WHERE name = 'vector'"
        if own.execute(asked).fetchone() is None:
            pytest.skip("this PostgreSQL has no extension for indexes")
    make = """
        CREATE EXTENSION vector SCHEMA extensions;
        ALTER TABLE {t} ADD COLUMN spot real[];
        CREATE INDEX near ON {t} USING hnsw ((spot::extensions.vector(3)) extensions.vector_l2_ops)
    """
    unmake = "ALTER TABLE {t} DROP COLUMN spot; DROP EXTENSION vector"
    table = sql.Identifier(tenant.id, "django_session")
    with admin("alpha", make, unmake, t=table):
        assert refused() == ["moves.extension"]
        assert "beta has none" in reasons(tenant)[0]
        elsewhere = "CREATE EXTENSION vector SCHEMA public"
        with admin("beta", elsewhere, "DROP EXTENSION vector"):
            assert refused() == ["moves.extension"]
            assert "in public" in reasons(tenant)[0]


def test_a_name_that_would_be_found_elsewhere_once_its_own_is_closed(tenant, refused, admin):
    make = "CREATE TABLE extensions.django_session ()"
    with admin("beta", make, "DROP TABLE extensions.django_session"):
        assert refused() == ["moves.same_name"]


def test_a_target_that_has_not_so_much_room_as_somebody_said(tenant, refused):
    beta = Shard.objects.using("control").filter(name="beta")
    (unknown,) = plan_move(tenant.request()).unknown
    assert "set_shard_capacity beta --bytes" in unknown
    try:
        beta.update(capacity_bytes=10**15)
        assert plan_move(tenant.request()).unknown == ()
        beta.update(capacity_bytes=10**6)
        assert refused() == ["moves.no_room"]
    finally:
        beta.update(capacity_bytes=None)


def test_a_target_whose_server_bears_no_more_roles_though_some_are_made_ahead(tenant, refused):
    shards = Shard.objects.using("control").filter(name="beta")
    ahead = ReservedRole.objects.using("control").create(name=new_tenant_id(), shard=shards.get())
    shards.update(role_cap=0)
    try:
        assert refused() == ["moves.no_roles_left"]
    finally:
        shards.update(role_cap=None)
        ahead.delete()


def test_a_target_of_which_somebody_said_that_it_bears_more_roles_takes_one_more(
    new_tenant, monkeypatch
):
    """What its version bears by default is less than it has."""
    monkeypatch.setattr("sharding.schemas.services.roles._CAP_SINCE", 0)
    monkeypatch.setattr("sharding.schemas.services.roles._CAP_BEFORE", 0)
    shards = Shard.objects.using("control").filter(name="beta")
    shards.update(role_cap=100_000)
    try:
        tenant = new_tenant()
        assert move_tenant(tenant.request()).state == "done"
    finally:
        shards.update(role_cap=None)
    settled(tenant, on="beta")


def test_one_that_is_pinned_elsewhere(tenant, refused):
    pin = Pin.objects.using("control").create(
        tenant_id=tenant.id, shard="alpha", reason="close to its users"
    )
    try:
        assert refused() == ["moves.pinned"]
        assert "close to its users" in reasons(tenant)[0]
        Pin.objects.using("control").filter(pk=pin.pk).update(shard="beta")
        assert reasons(tenant) == []
        Pin.objects.using("control").filter(pk=pin.pk).update(shard="", labels=["eu"])
        assert refused() == ["moves.pinned"]
        assert "pinned to shards with eu" in reasons(tenant)[0]
        Shard.objects.using("control").filter(name="beta").update(labels=["eu", "ssd"])
        assert reasons(tenant) == []
    finally:
        Shard.objects.using("control").filter(name="beta").update(labels=[])
        pin.delete()


def test_servers_whose_expressions_mean_other_things(refused, admin):
    name = sql.Identifier(registry.shard("beta").direct.dbname)
    make = "ALTER DATABASE {d} SET default_text_search_config TO 'pg_catalog.finnish'"
    unmake = "ALTER DATABASE {d} RESET default_text_search_config"
    with admin("beta", make, unmake, d=name):
        assert refused() == ["moves.settings"]


def test_servers_whose_clocks_are_apart(tenant, refused, monkeypatch):
    ahead = f"100 * (current_setting('port') = '{registry.shard('beta').direct.port}')::int"
    asked = f"SELECT extract(epoch FROM clock_timestamp())::float8 + {ahead}"
    monkeypatch.setattr(alike, "_CLOCK", asked)
    assert refused() == ["moves.clock"]
    assert "100 s apart" in reasons(tenant)[0]


@pytest.mark.needs("postgresql15")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("ADD COLUMN twice text GENERATED ALWAYS AS (session_key || session_key) VIRTUAL",
         "django_session.twice is reckoned when it is read"),
        ("ADD CONSTRAINT hardly CHECK (session_key <> '') NOT ENFORCED",
         "hardly of django_session is not enforced"),
    ],
)  # fmt: skip
def test_what_an_older_version_does_not_know(tenant, stack_15, change, told):
    with (
        own_connection(registry.shard("alpha")) as own,
        psycopg.connect(stack_15.admin_conninfo("alpha"), autocommit=True) as older,
    ):
        if own.info.server_version < 180000:
            pytest.skip("this is no PostgreSQL 18")
        ends = (own, older, tenant.id, "elder")
        assert [*features.features_unknown(*ends)] == []
        with own.transaction(force_rollback=True):
            table = sql.Identifier(tenant.id, "django_session")
            own.execute(sql.SQL("ALTER TABLE {} " + change).format(table))
            (refusal,) = features.features_unknown(*ends)
            assert (refusal.code, told in refusal.reason) == ("moves.feature", True)
            assert [*features.features_unknown(own, own, tenant.id, "alpha")] == []


def test_what_the_target_was_built_without(refused, monkeypatch):
    monkeypatch.setattr(features, "_LZ4", "SELECT 'a.b' WHERE %(schema)s <> ''")
    monkeypatch.setattr(features, "_KNOWS_LZ4", "SELECT false")
    assert refused() == ["moves.feature"]


def logical(tenant):
    plan = plan_move(tenant.request(mode=Mode.LOGICAL))
    return [(one.code, one.reason) for one in plan.refusals]


@pytest.mark.parametrize(
    ("made", "lacks"),
    [
        ("CREATE TABLE keyed (id bigint PRIMARY KEY); ALTER TABLE keyed REPLICA IDENTITY FULL",
         "replica identity"),
        ("CREATE TABLE keyed (id bigint PRIMARY KEY); ALTER TABLE keyed REPLICA IDENTITY NOTHING",
         "replica identity"),
        ("CREATE TABLE keyed (id bigint PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)",
         "primary key by which"),
        ("CREATE TABLE keyed (a bigint, b bigint GENERATED ALWAYS AS (a * 2) STORED PRIMARY KEY)",
         "primary key without a generated column"),
    ],
)  # fmt: skip
def test_tables_whose_rows_a_stream_cannot_name(tenant, made, lacks):
    add_table(tenant, made)
    try:
        ((code, reason),) = logical(tenant)
        assert (code, f"keyed has no {lacks}" in reason) == ("moves.no_identity", True)
    finally:
        with own_connection(registry.shard("alpha")) as own:
            own.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(tenant.id, "keyed")))


@pytest.mark.parametrize("shard", ["alpha", "beta"])
def test_somebody_who_has_been_writing_for_long_would_keep_a_slot_waiting(
    tenant, stack_ready, monkeypatch, shard
):
    assert logical(tenant) == []
    monkeypatch.setattr(stream_ways, "TRY_SLOT_FOR", timedelta(0))
    with psycopg.connect(stack_ready.admin_conninfo(shard, "postgres")) as writer:
        writer.execute("SELECT pg_current_xact_id()")
        who = f"On {shard} process {writer.info.backend_pid} in database postgres"
        assert [code for code, reason in logical(tenant) if who in reason] == ["moves.long_writer"]


def test_servers_that_do_not_reach_each_other(tenant, stack_ready):
    source, target = (registry.shard(name) for name in ("alpha", "beta"))
    nowhere = replace(target, direct=replace(target.direct, port=1))
    stranger = replace(target, mover=replace(target.mover, password="another"))
    with (
        login_connection(source, source.direct, source.mover) as at_source,
        login_connection(target, target.direct, target.mover) as at_target,
    ):
        for connection, server in ((at_source, source), (at_target, target)):
            connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(server.own.user)))
        ends = (at_source, at_target, source)
        assert [*stream_ways.no_way_between(*ends, target)] == []
        for wrong in (nowhere, stranger):
            (refusal,) = stream_ways.no_way_between(*ends, wrong)
            assert refusal.code == "moves.no_way_between"
            assert "alpha cannot follow beta" in refusal.reason
            assert "another" not in refusal.reason
        for shard in ("alpha", "beta"):
            with psycopg.connect(stack_ready.admin_conninfo(shard)) as admin:
                asked = "SELECT count(*) FROM pg_subscription WHERE starts_with(subname, 'mv_try')"
                assert admin.execute(asked).fetchone() == (0,)
        assert at_source.execute("SELECT current_user").fetchone() == (source.own.user,)


def test_where_servers_do_not_reach_each_other_auto_mode_goes_round(tenant, monkeypatch):
    why = Refusal("moves.no_way_between", "alpha cannot follow beta: refused", "Reach it.")
    monkeypatch.setattr(preflight, "no_way_between", lambda *ends: iter([why]))
    assert logical(tenant) == [(why.code, why.reason)]
    plan = plan_move(tenant.request(mode=None, max_pause=timedelta(milliseconds=1)))
    assert (plan.request.mode, plan.refusals) == (Mode.BLOCK, ())
    assert "alpha cannot follow beta" in plan.why_mode
