"""Behind a pooler whose pool is full the server is there; behind one that is cut off it is not."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic, sleep

import psycopg
import pytest

from config.observability.readiness import ReadinessProbe
from sharding.pools.breaker import BreakerState, breaker_for
from sharding.pools.breaking.watcher import QUEUE_S
from sharding.pools.deadline import deadlined_for
from sharding.pools.pgbouncer.console import Console
from sharding.registry import current
from tests.fixtures.breakers import becomes, breakers_on
from tests.fixtures.waiting import wait_for
from tests.integration.pools.poolers import small_pooler

pytestmark = pytest.mark.needs("pgbouncer")
CLOSED, SUSPECTED, OPEN, HELD = BreakerState
CLIENTS = 6
"""For two connections: a probe that comes as well waits for some 1.5 s, longer than its time, and
each statement for much less than PgBouncer lets it."""
PATIENCE_S = 30


@pytest.fixture
def pgbouncer(fleet):
    # A probe that is late because this machine has too much to do shall open nothing.
    known = fleet.direct_registry()
    with small_pooler(known, query_wait_timeout=PATIENCE_S) as server:
        with breakers_on(ATOLL_PROBE_SECONDS="1"):
            yield server


@dataclass
class Work:
    """What clients with heavy statements were told."""

    served: int = 0
    failed: list[psycopg.Error] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def client(self) -> None:
        shard = current.shard("alpha")
        connect = deadlined_for("alpha").connect
        with connect(
            **shard.pooled.parameters(shard.web), autocommit=True, prepare_threshold=None
        ) as connection:
            connection.cap = PATIENCE_S
            while not self.over.is_set():
                try:
                    connection.execute("SELECT pg_sleep(0.6)")
                    self.served += 1
                except psycopg.Error as error:
                    self.failed.append(error)
                    return


@contextmanager
def more_work_than_connections() -> Iterator[Work]:
    work = Work()
    threads = [threading.Thread(target=work.client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: "no answer" in breaker_for("alpha").look().reason)
        yield work
    finally:
        work.over.set()
        for thread in threads:
            thread.join(30)


def test_a_shard_whose_pooler_is_full_is_served_on(fleet, pgbouncer):
    with more_work_than_connections() as work:
        # The probe waits as they do: for much longer than its time.
        becomes("alpha", SUSPECTED)
        before, ends = work.served, monotonic() + 4
        while monotonic() < ends:
            assert not breaker_for("alpha").away, breaker_for("alpha").look()
            sleep(0.05)
        assert work.served > before
        wait_for(
            lambda: ReadinessProbe().report().shards["alpha"] == "crowded",
            "a health check takes it for away, or for idle",
        )
    assert work.failed == []
    assert breaker_for("alpha").look().opened == 0
    becomes("alpha", CLOSED, seconds=PATIENCE_S)


def test_and_is_found_out_when_it_hangs_all_the_same(fleet, pgbouncer):
    with more_work_than_connections() as work:
        becomes("alpha", SUSPECTED)
        fleet.sigstop("alpha")
        try:
            becomes("alpha", OPEN, seconds=PATIENCE_S)
            wait_for(lambda: len(work.failed) == CLIENTS, "they go on waiting")
        finally:
            fleet.sigcont("alpha")
    becomes("alpha", CLOSED, seconds=PATIENCE_S)


def test_a_pooler_that_is_down_is_an_outage_though_the_server_is_well(fleet, pgbouncer):
    pgbouncer.kill()
    breaker_for("alpha").suspect("test")
    becomes("alpha", OPEN, seconds=PATIENCE_S)
    pgbouncer.start()
    becomes("alpha", CLOSED, seconds=PATIENCE_S)


def test_one_that_hands_nothing_on_is_found_out_later(fleet, pgbouncer):
    """The server answers, and the pooler lets everybody in; but the way between them is closed."""
    console = Console(pgbouncer.site.folder)
    console.pause("alpha")
    began = monotonic()
    try:
        breaker_for("alpha").suspect("test")
        becomes("alpha", OPEN, seconds=PATIENCE_S)
        assert monotonic() - began > QUEUE_S / 2
    finally:
        console.resume("alpha")
    becomes("alpha", CLOSED, seconds=PATIENCE_S)
