"""TLS on both sides of PgBouncer, with certificates made here, and a server that speaks it."""

import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import psycopg
import pytest
from django.db import OperationalError, connections
from django.test import override_settings
from psycopg import sql

from sharding.pools.pgbouncer.console import Console
from sharding.registry import current
from sharding.schemas.services.prepare_shard import prepare_shard
from tests.fixtures.pgbouncer import WithOurFiles, write
from tests.fixtures.shards import bare_database
from tests.integration.pools.certificates import make_certificates
from tests.integration.pools.poolers import led_through, two_tenants, who_am_i

# The PostgreSQL of the wheel speaks no TLS, Debian's does.
pytestmark = pytest.mark.needs("pgbouncer", "postgresql15")
SETTINGS = ("ssl_cert_file", "ssl_key_file", "ssl")


@pytest.fixture(scope="module")
def pooler(stack_15):
    folder = Path(tempfile.mkdtemp(prefix="atoll-tls-"))
    made = WithOurFiles.in_folder(folder)
    certificates = make_certificates(folder)
    for path in folder.iterdir():
        made.site.account.give(path)
    yield made, certificates
    made.stop()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def server(stack_15, stack_ready, pooler):
    """A shard on a server that speaks TLS."""
    data = stack_15.server("alpha").site.folder
    account = stack_15.server("alpha").site.account
    copies = [data / path.name for path in (pooler[1].certificate, pooler[1].key)]
    for path, copy in zip((pooler[1].certificate, pooler[1].key), copies, strict=True):
        shutil.copy(path, copy)
        account.give(copy)
        copy.chmod(0o600)
    alter = sql.SQL("ALTER SYSTEM SET {} TO {}")
    with psycopg.connect(stack_15.admin_conninfo("alpha"), autocommit=True) as admin:
        for name, value in zip(SETTINGS, (*map(str, copies), "on"), strict=True):
            admin.execute(alter.format(sql.Identifier(name), sql.Literal(value)))
        admin.execute("SELECT pg_reload_conf()")
        with bare_database(stack_15, "alpha", "tls_tests") as made:
            prepare_shard(made.admin, made.server)
            yield made.server
        for name in SETTINGS:
            admin.execute(sql.SQL("ALTER SYSTEM RESET {}").format(sql.Identifier(name)))
        admin.execute("SELECT pg_reload_conf()")


@pytest.fixture
def behind(server, pooler):
    known = replace(current.registry(), shards=MappingProxyType({"alpha": server}))
    with led_through(pooler[0], known), override_settings(ATOLL_PROCESS_GROUPS="web=1x2"):
        yield pooler[0]
    pooler[0].stop()


def tls_of(folder: Path, table: str) -> set[str]:
    rows = Console(folder).show(table)
    return {row["tls"] for row in rows if row["database"] == "alpha"}


def test_both_sides_speak_tls_and_know_whom_they_speak_to(behind, pooler, monkeypatch):
    made = pooler[1]
    write(
        behind.site.folder,
        *("--client-tls", "require", "--client-tls-key", str(made.key)),
        *("--client-tls-cert", str(made.certificate)),
        *("--server-tls", "verify-full", "--server-tls-ca", str(made.authority)),
    )
    behind.start()
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", str(made.authority))
    with two_tenants(("ttlsofa", "ttlsofb")) as places:
        for place in places * 2:
            assert who_am_i(place) == (place.role, place.schema)
        assert connections["alpha"].connection.pgconn.ssl_in_use
        assert all("TLS" in each for each in tls_of(behind.site.folder, "clients"))
        assert all("TLS" in each for each in tls_of(behind.site.folder, "servers"))
        connections.close_all()
        # Without TLS nobody gets in, and a stranger's word for it counts nothing.
        for name, value in (
            ("PGSSLMODE", "disable"),
            ("PGSSLROOTCERT", str(made.stranger)),
        ):
            with monkeypatch.context() as patch, pytest.raises(OperationalError):
                patch.setenv(name, value)
                if name == "PGSSLMODE":
                    patch.delenv("PGSSLROOTCERT")
                who_am_i(places[0])
            connections.close_all()


def test_a_server_that_nobody_vouches_for_gets_no_statement(behind, pooler):
    made = pooler[1]
    folder = behind.site.folder
    write(folder, "--server-tls", "verify-full", "--server-tls-ca", str(made.stranger))
    behind.start()
    with two_tenants(("ttlsofc", "ttlsofd")) as places:
        with pytest.raises(OperationalError):
            who_am_i(places[0])
        connections.close_all()
        # The same server, vouched for: it was the authority.
        write(folder, "--server-tls", "verify-full", "--server-tls-ca", str(made.authority))
        behind.stop()
        behind.start()
        time.sleep(0.6)  # for half a second this thread does not ask one that was away
        assert who_am_i(places[0]) == (places[0].role, places[0].schema)
