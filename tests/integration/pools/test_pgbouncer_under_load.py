"""PgBouncer reloaded, paused, restarted and killed while tenants write through it."""

import time

import psycopg
import pytest
from django.test import override_settings

from sharding.pools.pgbouncer.console import Console
from sharding.registry import current
from tests.fixtures.pgbouncer import write
from tests.fixtures.waiting import wait_for
from tests.integration.pools.load import under_load
from tests.integration.pools.poolers import small_pooler, two_tenants

pytestmark = pytest.mark.needs("pgbouncer")
CLIENTS = 6
BACK_WITHIN_S = 10
"""On a machine that is five times slower; here it is a second."""


@pytest.fixture
def pgbouncer(fleet):
    with small_pooler(fleet.direct_registry()) as server:
        yield server


@pytest.fixture
def places(pgbouncer):
    with two_tenants(("tload0a", "tload0b")) as made:
        yield made


def sessions_of_web(fleet) -> int:
    with psycopg.connect(fleet.admin_conninfo("alpha")) as looking:
        row = looking.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE usename = 'web' AND datname = current_database()"
        ).fetchone()
    return row[0]


def reload_with_other_sizes(server):
    with override_settings(ATOLL_PROCESS_GROUPS="web=1x3"):
        write(server.site.folder)
    main = server.site.folder / "pgbouncer.ini"
    main.write_text(main.read_text().replace("max_client_conn = 26", "max_client_conn = 50"))
    Console(server.site.folder).reload()


def pause_and_resume(server):
    console = Console(server.site.folder)
    console.pause()
    time.sleep(0.4)
    console.resume()


@pytest.mark.parametrize("what", [reload_with_other_sizes, pause_and_resume])
def test_nobody_notices(pgbouncer, places, what):
    with under_load(places, clients=CLIENTS) as load:
        before = len(load.kept)
        what(pgbouncer)
        load.soon()
        wait_for(lambda: len(load.kept) > before + 50, seconds=30)
    assert load.failed == []


def restart(server):
    server.stop()
    server.start()


def kill_and_start(server):
    server.kill()
    time.sleep(0.5)
    server.start()


@pytest.mark.parametrize("how", [pytest.param(restart, marks=pytest.mark.slow), kill_and_start])
def test_what_was_acknowledged_stays_and_work_goes_on_soon(fleet, pgbouncer, places, how):
    with under_load(places, clients=CLIENTS) as load:
        how(pgbouncer)
        took = load.soon()
        assert took < BACK_WITHIN_S
        load.soon()
    print(f"{how.__name__}: back after {took:.2f} s, {len(load.failed)} refused")
    assert load.failed, "a restart that nobody notices proves nothing"
    assert current.shard("alpha").pooled.port == pgbouncer.port
    # What the old one had open at the server is given back.
    wait_for(lambda: sessions_of_web(fleet) <= 2, seconds=20)
