from dataclasses import replace

import psycopg
import pytest
from django.core.cache import caches

from sharding.registry import current
from sharding.registry.types import Endpoint, Login


def connect(at: Endpoint, login: Login) -> psycopg.Connection:
    return psycopg.connect(
        **at.parameters(login),
        autocommit=True,
    )


def test_every_login_of_the_registry_signs_in_and_none_is_superuser(stack):
    for server in (current.control(), *current.registry().shards.values()):
        for login in (server.web, server.own, server.mover, server.role_maker):
            if login is None:
                continue
            # Over TCP and over the socket.
            sockets = str(stack.server(server.name).site.sockets)
            for host in (server.direct.host, sockets):
                with connect(replace(server.direct, host=host), login) as connection:
                    row = connection.execute(
                        "SELECT session_user, current_setting('is_superuser'), rolinherit,"
                        " rolcreaterole, rolreplication FROM pg_roles WHERE rolname = session_user"
                    ).fetchone()
                    over_tcp = connection.execute("SELECT inet_server_port()").fetchone()
                    assert (over_tcp == (None,)) is (host == sockets)
            assert row is not None
            assert row[:2] == (login.user, "off")
            if login.user == "web":
                assert row[2:] == (False, False, False)
            if login.user == "own":
                makes_roles = server.name != "control" and stack.major >= 16
                assert row[3] is makes_roles
            if login.user == "mover":
                assert row[4] is True


def test_without_its_password_nobody_gets_in(stack):
    server = current.registry().shards["alpha"]
    folder = stack.server("alpha").site.sockets
    sockets = str(folder)
    ways = [(server.direct.host, user) for user in ("web", "own", "mover", "atoll_admin")]
    # Over the socket, in a folder that is closed to others, the superuser is let in as who it is.
    ways += [(sockets, "web"), (sockets, "own"), (sockets, "mover")]
    for host, user in ways:
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(
                host=host, port=server.direct.port, dbname="shard", user=user, password="no"
            )
    assert folder.stat().st_mode & 0o077 == 0


def test_shards_are_clusters_of_their_own_ready_for_moves(stack):
    seen = set()
    for name in stack.databases:
        with psycopg.connect(stack.admin_conninfo(name)) as connection:
            seen.add(
                connection.execute("SELECT system_identifier FROM pg_control_system()").fetchone()
            )
            for setting in (
                "max_wal_senders",
                "max_replication_slots",
                "max_logical_replication_workers",
                *(["max_active_replication_origins"] if stack.major >= 18 else []),
            ):
                value = connection.execute("SELECT current_setting(%s)", [setting]).fetchone()
                assert value == ("40",)
            assert connection.execute("SHOW wal_level").fetchone() == ("logical",)
            # Thrown away: what a crash of the machine takes is made again.
            assert connection.execute("SHOW fsync").fetchone() == ("off",)
    assert len(seen) == len(stack.databases)


def test_the_caches_of_a_test_are_the_stacks_redis(stack):
    assert stack.redis_url == caches.settings["control"]["LOCATION"]


@pytest.mark.needs("pgbouncer")
def test_pgbouncer_leads_web_to_every_server_and_lets_nobody_else_in(pgbouncer):
    registry = pgbouncer.registry
    for server in (registry.control, *registry.shards.values()):
        with connect(server.pooled, server.web) as connection:
            row = connection.execute("SELECT current_database(), session_user").fetchone()
        assert row == (server.direct.dbname, "web")
        with pytest.raises(psycopg.OperationalError):
            connect(server.pooled, server.own)
    with psycopg.connect(pgbouncer.server.console, autocommit=True) as console:
        assert console.execute("SHOW VERSION").fetchone()


def test_prepared_servers_have_controls_tables_and_take_tenants(stack_ready):
    from sharding.placements.models import Shard

    rows = Shard.objects.using("control").order_by("name").values_list("name", "state")
    assert list(rows) == [("alpha", "active"), ("beta", "active")]
