"""From a bare database to a shard."""

import threading
from dataclasses import replace

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from sharding.registry.types import Endpoint, Login
from sharding.schemas.errors import NotFitToBeShard, PreparationFailed, ServerUnreachable
from sharding.schemas.preparation.types import Outcome
from sharding.schemas.services.describe import survey
from sharding.schemas.services.escapes import open_escapes
from sharding.schemas.services.prepare_shard import look_at, prepare_shard
from tests.fixtures.shards import web

OUR_SCHEMAS = """
    SELECT nspname FROM pg_namespace WHERE nspname IN ('atoll', 'reference', 'extensions')
"""


def test_a_bare_database_becomes_a_shard_and_a_second_run_changes_nothing(bare):
    heard = []
    first = prepare_shard(bare.admin, bare.server, tell=heard.append)
    assert tuple(heard) == first.steps
    assert {"support-schema", "guard", "server-name"} <= {
        step.key for step in first.steps if step.outcome is Outcome.DONE
    }
    assert not [step for step in first.steps if step.outcome in (Outcome.TO_DO, Outcome.DENIED)]
    assert prepare_shard(bare.admin, bare.server).changes == 0
    assert survey(bare.server).phases == {}


def test_a_dry_run_names_the_steps_of_the_real_one_and_takes_none(bare):
    before = look_at(bare.admin, "alpha")
    planned = prepare_shard(bare.admin, bare.server, dry_run=True)
    assert look_at(bare.admin, "alpha") == before
    with bare.superuser() as connection:
        assert connection.execute(OUR_SCHEMAS).fetchall() == []
    done = prepare_shard(bare.admin, bare.server)
    assert [(step.key, step.does) for step in planned.steps] == [
        (step.key, step.does) for step in done.steps
    ]
    assert {step.key for step in done.steps if step.outcome is Outcome.DONE} <= {
        step.key for step in planned.steps if step.outcome is Outcome.TO_DO
    }


def test_two_at_once_both_end_well(bare):
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(prepare_shard(bare.admin, bare.server)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(bool(result.changes) for result in results) == [False, True]


def test_a_database_of_another_shard_is_refused_unchanged(bare):
    prepare_shard(bare.admin, bare.server)
    with pytest.raises(NotFitToBeShard, match="'alpha' already"):
        prepare_shard(bare.admin, replace(bare.server, name="beta"))
    assert look_at(bare.admin, "beta").shard == "alpha"


def test_a_database_in_another_encoding_is_refused_unchanged(bare, cluster):
    name = f"{bare.server.direct.dbname}_ascii"
    create = "CREATE DATABASE {} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
    with bare.superuser() as connection:
        connection.execute(sql.SQL(create).format(sql.Identifier(name)))
    at = replace(bare.server.direct, dbname=name)
    admin = cluster.admin_conninfo("alpha", name)
    try:
        with pytest.raises(NotFitToBeShard, match="must be UTF8"):
            prepare_shard(admin, replace(bare.server, direct=at))
        with psycopg.connect(admin) as connection:
            assert connection.execute(OUR_SCHEMAS).fetchall() == []
    finally:
        with bare.superuser() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )


def test_a_login_that_is_there_keeps_its_password_and_a_wrong_one_is_told(bare):
    wrong = replace(bare.server, web=Login(bare.server.web.user, "not-its-password"))
    with pytest.raises(PreparationFailed, match="sign-in-web"):
        prepare_shard(bare.admin, wrong)
    # The password still serves whoever used it before.
    prepare_shard(bare.admin, bare.server)


def test_an_administrator_who_cannot_connect_is_told_in_seconds(bare):
    with pytest.raises(ServerUnreachable, match="cannot be reached"):
        prepare_shard("host=127.0.0.1 port=1 user=postgres dbname=x", bare.server)


def test_an_administrator_without_rights_fails_at_a_named_step(bare):
    server = bare.server
    at: Endpoint = server.direct
    admin = make_conninfo(
        **at.parameters(server.web),
    )
    with pytest.raises(PreparationFailed, match="step 'database-rights' failed"):
        prepare_shard(admin, server)


def test_the_known_ways_out_are_open_before_and_closed_after(bare):
    assert len(open_escapes(bare.server)) >= 2
    prepare_shard(bare.admin, bare.server)
    assert open_escapes(bare.server) == ()


def test_web_may_do_nothing_of_its_own_but_read_who_the_server_is(prepared):
    with psycopg.connect(**web(prepared.server), autocommit=True) as connection:
        row = connection.execute("SELECT name, incarnation FROM atoll.server").fetchone()
        assert row == ("alpha", 1)
        for denied in (
            "SELECT * FROM atoll.tenant_schema",
            "UPDATE atoll.server SET incarnation = 9",
            "CREATE TABLE extensions.mine ()",
            "CREATE TABLE reference.mine ()",
            "CREATE TABLE public.mine ()",
            "CREATE TEMPORARY TABLE mine ()",
            "CREATE SCHEMA mine",
            "CREATE ROLE mine",
            "DO $$ BEGIN END $$",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(denied)


def test_reference_tables_are_read_by_tenants_and_written_by_their_own_role_only(
    prepared, new_tenant
):
    with prepared.superuser() as connection:
        connection.execute("SET ROLE refown")
        connection.execute("CREATE TABLE IF NOT EXISTS reference.ref_plan (code text PRIMARY KEY)")
        connection.execute("INSERT INTO reference.ref_plan VALUES ('free') ON CONFLICT DO NOTHING")
    tenant = new_tenant(
        tables=("CREATE TABLE account (id int, plan text REFERENCES ref_plan (code))",)
    )
    assert tenant.as_tenant("SELECT code FROM ref_plan") == [("free",)]
    assert tenant.as_tenant("INSERT INTO account VALUES (1, 'free')") == 1
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        tenant.as_tenant("INSERT INTO account VALUES (2, 'gold')")
    for denied in ("UPDATE ref_plan SET code = 'x'", "DELETE FROM ref_plan"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            tenant.as_tenant(denied)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            tenant.as_own(denied.replace("ref_plan", "reference.ref_plan"))
