"""The old primary hangs, the standby is promoted, the old one wakes: nothing is written to it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.db import DatabaseError, connections
from psycopg import sql

from sharding import scope
from sharding.backend.shard import base
from sharding.placements.services.processes import ensure_heartbeat, stop_heartbeat
from sharding.registry import current as addresses
from tests.fixtures.standbys import HOST
from tests.fixtures.waiting import wait_for

WRITERS = 4


@dataclass
class Writers:
    """Threads that know nothing of us, and write what nobody has written before, as requests do."""

    place: scope.Placement
    began: dict[str, float] = field(default_factory=dict)
    acknowledged: dict[str, float] = field(default_factory=dict)
    _ends: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        for number in range(WRITERS):
            thread = threading.Thread(target=self._write, args=(number,))
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join(30)

    def acknowledged_since(self, instant: float) -> set[str]:
        return {name for name, when in tuple(self.acknowledged.items()) if when > instant}

    def begun_since(self, instant: float) -> set[str]:
        return {name for name, when in tuple(self.began.items()) if when > instant}

    def _write(self, number: int) -> None:
        count = 0
        while not self._ends.wait(0.01):
            count += 1
            name = f"{number}-{count}"
            self.began[name] = time.monotonic()
            try:
                with scope.enter(self.place):
                    Group.objects.create(name=name)
            except DatabaseError:
                connections.close_all()  # as at the end of a request
            else:
                self.acknowledged[name] = time.monotonic()
        connections.close_all()


@pytest.fixture
def writers(acme, both_hosts, settings):
    settings.ATOLL_HEARTBEAT_SECONDS = 0.2
    ensure_heartbeat("web")
    made = Writers(acme)
    yield made
    made.stop()
    stop_heartbeat()


def names_on(conninfo: str, place: scope.Placement) -> set[str]:
    """What a server has of the tenant's groups, as a superuser sees it."""
    select = sql.SQL("SELECT name FROM {}").format(sql.Identifier(place.schema, "auth_group"))
    with psycopg.connect(conninfo, autocommit=True) as connection:
        return {name for (name,) in connection.execute(select)}


def promote(standby) -> None:
    """As an operator does, in a process of its own; others hear of it by their heartbeats."""
    done = subprocess.run(
        [
            *(sys.executable, "manage.py", "promote_shard", "alpha", "--host", HOST),
            *("--admin", standby.admin_conninfo, "--confirm", "alpha"),
        ],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "as incarnation 2" in done.stdout


@pytest.mark.slow
def test_nothing_is_written_to_an_old_primary_that_wakes_up(
    lost, standby, acme, writers, monkeypatch
):
    writers.start()
    wait_for(lambda: len(writers.acknowledged) > 50, "nobody writes")
    lost.sigstop("alpha")
    stopped = time.monotonic()
    promote(standby)
    promoted = time.monotonic()
    wait_for(lambda: writers.acknowledged_since(promoted), "the new primary is not written to")

    lost.sigcont("alpha")
    woken = time.monotonic()
    wait_for(lambda: len(writers.acknowledged_since(woken)) > 50, "writing does not go on")
    connections.close_all()
    time.sleep(1)
    writers.stop()

    old = names_on(lost.admin_conninfo("alpha"), acme)
    new = names_on(standby.admin_conninfo, acme)
    assert old, "the old one is there"
    assert not old & writers.begun_since(promoted), "something was written to the old primary"
    # What lay in its sockets when it was stopped it carries out when it wakes: one statement of
    # each connection at most, whose sender was told that nobody knows what became of it.
    lay_there = old & writers.begun_since(stopped)
    assert len(lay_there) <= WRITERS
    assert not lay_there & set(writers.acknowledged)
    assert writers.acknowledged_since(promoted) <= new, "something acknowledged is lost"
    assert addresses.shard("alpha").direct.host == f"{HOST},127.0.0.1", "the new one is tried first"

    # Negative control: the connection string alone takes the one that woke up.
    before = len(old)
    monkeypatch.setattr(base, "check_identity", lambda *a, **k: None)
    lead_to("127.0.0.1,127.0.0.2")
    with scope.enter(acme):
        Group.objects.create(name="to the old one")
    assert len(names_on(lost.admin_conninfo("alpha"), acme)) == before + 1


def lead_to(hosts: str) -> None:
    """As before the promotion: the primary of then is tried first."""
    known = addresses.registry()
    alpha = known.shards["alpha"]
    at = replace(alpha.direct, host=hosts)
    shards = {**known.shards, "alpha": replace(alpha, direct=at, pooled=at)}
    addresses.install(replace(known, shards=MappingProxyType(shards)))


@pytest.mark.slow
def test_of_several_hosts_the_standby_is_passed_by_and_serves_when_it_is_promoted(
    lost, standby, acme, both_hosts
):
    with scope.enter(acme):
        Group.objects.create(name="one")
        with connections["alpha"].cursor() as cursor:
            cursor.execute("SELECT inet_server_addr()::text")
            assert cursor.fetchone() == ("127.0.0.1/32",)
    connections.close_all()
    lost.stop_server("alpha")  # it sends the rest to its standby
    promote(standby)
    addresses.reload()
    with scope.enter(acme):
        assert Group.objects.filter(name="one").exists()
