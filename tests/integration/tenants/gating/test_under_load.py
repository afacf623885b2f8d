"""A tenant goes back and forth under requests, by hand, and nobody notices.

A client counts a write only when it was answered 200. At the end each of these is there once.
"""

import http.client
import itertools
import threading
import time
from collections import Counter
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import Group

from sharding.placements.models import Process
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services import fence
from sharding.schemas.services.create_schema import open_schema
from tenants.services.gate import close_gate, open_gate
from tests.fixtures.waiting import wait_for
from tests.fixtures.web_servers import gunicorn, uvicorn

SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "tests.integration.tenants.gating.server_settings",
    "ATOLL_POOL_SIZE": "16",
    "ATOLL_GRACEFUL_SECONDS": "1",
}
WORKERS = 2
OTHER = {"alpha": "beta", "beta": "alpha"}

PATHS = {
    "reads": ("GET", "/reads/"),
    "replayed": ("POST", "/writes_replayable/"),
    "told": ("POST", "/writes/"),
}


class Clients:
    """Ask without a pause until they are stopped."""

    def __init__(self, port, host):
        self.port, self.host = port, host
        self.statuses = Counter()
        self.acknowledged = []
        self.slowest = 0.0
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._ask, args=(kind, number))
            for kind in PATHS
            for number in range(3)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, kind, number):
        method, path = PATHS[kind]
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Host": self.host, "Content-Type": "application/x-www-form-urlencoded"}
        for turn in itertools.count():
            if self._stopped.is_set():
                break
            name = f"{kind} {number} {turn}"
            began = time.monotonic()
            connection.request(method, path, urlencode({"name": name}), headers)
            answer = connection.getresponse()
            answer.read()
            with self._lock:
                self.statuses[kind, answer.status] += 1
                self.slowest = max(self.slowest, time.monotonic() - began)
                if method == "POST" and answer.status == 200:
                    self.acknowledged.append(name)
            time.sleep(0.005)
        connection.close()


def whole_move(move, source, *, gated=True):
    """From `source` to the other shard; the one table that is written to is copied in the pause."""
    target, tenant_id = OTHER[source], move.tenant.id
    move.begin()
    if gated:
        close_gate(tenant_id, within=timedelta(seconds=10), heard_within=timedelta(seconds=5))
    move.fence(source)
    with (
        own_connection(addresses.shard(source)) as here,
        own_connection(addresses.shard(target)) as there,
    ):
        rows = here.execute(f"SELECT id, name FROM {tenant_id}.auth_group").fetchall()
        with there.transaction():
            open_schema(there, tenant_id)
            there.execute(f"DELETE FROM {tenant_id}.auth_group")
            with there.cursor() as cursor:
                cursor.executemany(f"INSERT INTO {tenant_id}.auth_group VALUES (%s, %s)", rows)
            there.execute(
                f"SELECT setval(pg_get_serial_sequence('{tenant_id}.auth_group', 'id'), %s)",
                [max([number for number, _ in rows], default=0) + 1000],
            )
        fence.disarm(there, tenant_id)
    move.switch(target)
    open_gate(tenant_id)
    return target


@pytest.fixture(params=["gthread", pytest.param("asgi", marks=pytest.mark.slow)])
def server(request, move, tmp_path):
    Process.objects.using("control").all().delete()
    kind, log = request.param, tmp_path / "log"
    if kind == "gthread":
        started = gunicorn(
            kind, "config.wsgi", workers=WORKERS, threads=16, environment=SETTINGS, log=log
        )
    else:
        started = uvicorn(
            kind, "config.asgi:application", workers=WORKERS, environment=SETTINGS, log=log
        )
    try:
        started.wait_until_it_serves("/reads/", move.tenant.host)
        yield started
    finally:
        started.stop(within=10)


def there_once(move, shard, acknowledged):
    with move.on(shard):
        found = Counter(Group.objects.values_list("name", flat=True))
    assert set(found.values()) <= {1}
    return not set(acknowledged) - found.keys()


def test_back_and_forth_behind_the_gate_nobody_sees_an_error(move, server):
    live = Process.objects.using("control")
    shard = "alpha"
    with Clients(server.port, move.tenant.host) as clients:
        # One at least: connections that are kept may all have come to the same.
        wait_for(lambda: live.exists() and len(clients.acknowledged) > 20)
        for _ in range(2):
            shard = whole_move(move, shard)
            time.sleep(0.3)
    assert {status for _, status in clients.statuses} == {200}
    assert len(clients.acknowledged) > 30
    assert there_once(move, shard, clients.acknowledged)


@pytest.mark.slow
def test_without_the_gate_only_what_may_not_run_twice_is_told_to_come_back(move, server):
    shard = "alpha"
    with Clients(server.port, move.tenant.host) as clients:
        wait_for(lambda: len(clients.acknowledged) > 20)
        for _ in range(8):
            shard = whole_move(move, shard, gated=False)
            time.sleep(0.5)
    assert {status for kind, status in clients.statuses if kind != "told"} == {200}
    assert {status for _, status in clients.statuses} == {200, 503}
    assert there_once(move, shard, clients.acknowledged)
