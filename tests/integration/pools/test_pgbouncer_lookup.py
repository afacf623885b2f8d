"""`--auth query`: PgBouncer asks each shard how web proves its password, and knows it not."""

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import psycopg
import pytest
from django.core.management import CommandError
from django.test import override_settings
from psycopg import sql

from sharding.registry import current
from sharding.registry.types import Login
from sharding.schemas.preparation.types import Outcome
from sharding.schemas.services.prepare_shard import prepare_shard
from tests.fixtures.pgbouncer import WithOurFiles, write
from tests.fixtures.shards import bare_database
from tests.integration.pools.poolers import led_through, two_tenants, who_am_i

pytestmark = pytest.mark.needs("pgbouncer")
POOLER = Login("pooler", "the pooler's own")


@pytest.fixture(scope="module")
def prepared(stack_ready):
    with bare_database(stack_ready, "alpha", "lookup_tests") as bare:
        made = replace(bare, server=replace(bare.server, pooler=POOLER))
        done = prepare_shard(made.admin, made.server)
        assert {step.key: step.outcome for step in done.steps}["pooler-lookup"] is Outcome.DONE
        again = prepare_shard(made.admin, made.server)
        assert again.changes == 0
        yield made
    with psycopg.connect(stack_ready.admin_conninfo("alpha", "postgres"), autocommit=True) as last:
        last.execute("DROP ROLE pooler")


@pytest.fixture
def behind(prepared):
    folder = Path(tempfile.mkdtemp(prefix="atoll-pgb-"))
    server = WithOurFiles.in_folder(folder)
    known = replace(current.registry(), shards=MappingProxyType({"alpha": prepared.server}))
    with led_through(server, known), override_settings(ATOLL_PROCESS_GROUPS="web=1x2"):
        yield server
    server.stop()
    shutil.rmtree(folder)


def as_pooler(server) -> psycopg.Connection:
    at = server.direct
    return psycopg.connect(
        **at.parameters(POOLER),
        autocommit=True,
    )


def test_tenants_work_through_a_pooler_that_does_not_know_the_password(behind):
    write(behind.site.folder, "--auth", "query")
    users = (behind.site.folder / "users.txt").read_text()
    assert current.shard("alpha").web.password not in users
    assert f'"pooler" "{POOLER.password}"' in users
    behind.start()
    with two_tenants(("tlook0a", "tlook0b")) as places:
        for place in places * 5:
            assert who_am_i(place) == (place.role, place.schema)
        wrong = current.shard("alpha")
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            psycopg.connect(
                host="127.0.0.1",
                port=behind.port,
                dbname="alpha",
                user=wrong.web.user,
                password="no",
            )


def test_nobody_else_can_come_in_by_it(behind):
    write(behind.site.folder, "--auth", "query")
    behind.start()
    own = current.shard("alpha").own
    with pytest.raises(psycopg.OperationalError, match=r"no such user|authentication failed"):
        psycopg.connect(
            host="127.0.0.1", port=behind.port, dbname="alpha", user="own", password=own.password
        )


def test_the_login_sees_web_and_nobody_and_nothing_else(prepared):
    ask = "SELECT usename FROM atoll.pooler_lookup(%s)"
    with as_pooler(prepared.server) as looking:
        assert looking.execute(ask, ["web"]).fetchall() == [("web",)]
        for other in ("own", "atoll_admin", "pooler", "nobody"):
            assert looking.execute(ask, [other]).fetchall() == []
        for refused in (
            "SELECT * FROM pg_authid",
            "TABLE atoll.server",
            "SELECT set_config('role', 'web', false)",
            "SET ROLE web",
            "CREATE TEMP TABLE x ()",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                looking.execute(refused)
        # What it might put before the catalogue is not looked at.
        looking.execute("SET search_path TO atoll, pg_catalog")
        assert looking.execute(ask, ["web"]).fetchall() == [("web",)]
    with prepared.superuser() as admin:
        for login in ("web", "own"):
            with admin.transaction(force_rollback=True):
                admin.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(login)))
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    admin.execute(ask, ["web"])


def test_one_that_somebody_else_has_put_there_is_replaced(prepared):
    with prepared.superuser() as admin:
        admin.execute("ALTER FUNCTION atoll.pooler_lookup(name) OWNER TO own")
        admin.execute("ALTER FUNCTION atoll.pooler_lookup(name) RESET search_path")
    done = prepare_shard(prepared.admin, prepared.server)
    assert [step.key for step in done.steps if step.outcome is Outcome.DONE] == ["pooler-lookup"]
    assert prepare_shard(prepared.admin, prepared.server).changes == 0


def test_without_the_login_nothing_is_written_and_it_says_how_to_make_it(behind):
    known = current.registry()
    without = replace(known.shards["alpha"], pooler=None)
    current.install(replace(known, shards=MappingProxyType({"alpha": without})))
    with pytest.raises(CommandError, match="add_shard --pooler-login") as refused:
        write(behind.site.folder, "--auth", "query")
    assert refused.value.returncode == 2
    assert not (behind.site.folder / "pgbouncer.ini").exists()
