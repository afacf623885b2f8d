"""No connection to have, in the pool or on the server: told clearly, over soon, and no leak."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connections
from django.db import connection as default
from psycopg import sql

from config.observability import metrics
from config.observability.publishing import publish
from sharding import scope
from sharding.backend.wrapper import open_pools
from sharding.pools.breaker import BreakerState, breaker_for, forget_breakers
from sharding.pools.errors import NoConnectionFree
from sharding.registry import current as registry
from tests.fixtures.breakers import becomes, breakers_on
from tests.fixtures.connections import forget_connections
from tests.fixtures.waiting import wait_for
from tests.integration.backend.models import Author

pytestmark = pytest.mark.direct("it looks at sessions of the server")

connection: Any = default
POOL = 2
PATIENT = "1"
"""A probe that is late because this machine has too much to do shall open nothing."""


@pytest.fixture
def pooled(grounds, settings):
    settings.ATOLL_POOL = {"max_size": POOL}
    forget_connections()
    yield grounds
    forget_connections()


@pytest.fixture
def nothing_leaks(pooled):
    """At the end web has no more sessions than its pool may have, beside those of tests before."""
    before = sessions_of_web(pooled)
    yield
    wait_for(lambda: sessions_of_web(pooled) <= before + POOL)


def ask(place, *, hold_s: float = 0.0) -> str:
    """As a request does it: what came of it, and the connection is given back."""
    try:
        with scope.enter(place):
            Author.objects.count()
            time.sleep(hold_s)
        return "served"
    except OperationalError as error:
        return str(error) if isinstance(error.__cause__, NoConnectionFree) else repr(error)
    finally:
        connections.close_all()


def figure(name, **labels) -> float:
    """What a scraper would read of alpha's pool now."""
    publish()
    found = metrics.REGISTRY.get_sample_value(f"atoll_pool_{name}", {"server": "alpha", **labels})
    return found or 0.0


def sessions_of_web(grounds) -> int:
    with grounds.superuser("alpha") as looking:
        return looking.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE usename = 'web' AND datname = current_database()"
        ).fetchone()[0]


@pytest.mark.usefixtures("nothing_leaks")
def test_more_threads_than_connections_are_told_within_half_a_second_and_then_served(pooled):
    places = (pooled.a, pooled.b) * 4
    before = {name: figure(name) for name in ("refusals_total", "wait_seconds_total")}
    with ThreadPoolExecutor(len(places)) as threads:
        began = time.monotonic()
        said = list(threads.map(lambda place: ask(place, hold_s=1.5), places))
        assert time.monotonic() - began < 1.5 + 5 * 0.5
        served = [each for each in said if each == "served"]
        assert POOL <= len(served) < len(places)
        refused = set(said) - {"served"}
        assert all("The server alpha gives no connection" in each for each in refused)
        # Whoever timed out waits for nothing any more: all are served one after the other.
        assert {ask(place) for place in places} == {"served"}
    stats = open_pools()["alpha"].get_stats()
    assert (stats["requests_waiting"], stats["pool_size"] <= POOL) == (0, True)
    assert figure("refusals_total") - before["refusals_total"] == len(places) - len(served)
    assert figure("wait_seconds_total") > before["wait_seconds_total"]
    assert (figure("waiting"), figure("limit")) == (0, POOL)
    assert 1 <= figure("connections", state="idle") <= POOL


@contextmanager
def role_limit(grounds):
    """web may connect once; the server says the same as when it is full (53300)."""
    limit = sql.SQL("ALTER ROLE web CONNECTION LIMIT {}")
    with grounds.superuser("alpha") as admin:
        admin.execute(limit.format(1))
        try:
            yield
        finally:
            admin.execute(limit.format(-1))


@contextmanager
def full_server(grounds):
    """Somebody else has taken all that max_connections leaves."""
    server = registry.shard("alpha")
    with ExitStack() as taken:
        with pytest.raises(psycopg.OperationalError, match=r"too many clients already|reserved"):
            while True:
                one = psycopg.connect(
                    **server.direct.parameters(server.own),
                )
                taken.callback(one.close)
        yield


IN_BOTH_WAYS = pytest.mark.parametrize(
    ("full", "said"),
    [
        (role_limit, 'too many connections for role "web"'),
        pytest.param(
            full_server, "remaining connection slots|too many clients", marks=pytest.mark.slow
        ),
    ],
)


@IN_BOTH_WAYS
@pytest.mark.usefixtures("nothing_leaks")
def test_a_server_that_has_none_left_says_so_and_is_used_again_once_it_has(pooled, full, said):
    assert ask(pooled.a) == "served"
    with full(pooled), ThreadPoolExecutor(4) as threads:
        # The one that is open serves on.
        assert ask(pooled.b) == "served"
        with scope.enter(pooled.a):
            Author.objects.count()  # and keeps it
            (told,) = set(threads.map(ask, [pooled.b]))
            assert re.search(said, told), told
            assert "The server alpha gives no connection" in told
        connections.close_all()
    began = time.monotonic()
    with scope.enter(pooled.a):
        Author.objects.count()
        with ThreadPoolExecutor(1) as thread:
            wait_for(lambda: thread.submit(ask, pooled.b).result() == "served", seconds=15)
    print(f"{full.__name__}: a second connection {time.monotonic() - began:.2f} s after the return")
    connections.close_all()
    assert open_pools()["alpha"].get_stats()["pool_size"] <= POOL


@IN_BOTH_WAYS
def test_with_breakers_whoever_is_connected_to_a_full_server_is_served_on(pooled, full, said):
    """The probe is refused as everybody is; but who refuses is there (docs/adr/0022)."""
    with breakers_on(ATOLL_PROBE_SECONDS=PATIENT):
        assert ask(pooled.a) == "served"
        # On a busy machine a probe may have a connection from a suspicion just now, as web too.
        forget_breakers().stop()
        with full(pooled), ThreadPoolExecutor(1) as thread, scope.enter(pooled.a):
            Author.objects.count()  # and keeps the only one
            assert "gives no connection" in thread.submit(ask, pooled.b).result()
            becomes("alpha", BreakerState.SUSPECTED)
            wait_for(lambda: re.search(said, breaker_for("alpha").look().reason))
            for _ in range(15):  # three probes
                time.sleep(0.1)
                Author.objects.count()
            look = breaker_for("alpha").look()
            assert (look.state, look.opened) == (BreakerState.SUSPECTED, 0)
        connections.close_all()
        becomes("alpha", BreakerState.CLOSED)
        wait_for(lambda: ask(pooled.b) == "served")


def test_one_that_was_away_and_comes_back_full_serves_those_who_are_connected(pooled, stack):
    with breakers_on(ATOLL_PROBE_SECONDS=PATIENT):
        assert ask(pooled.a) == "served"
        # On a busy machine a probe may have a connection from a suspicion just now, as web too.
        forget_breakers().stop()
        with role_limit(pooled):
            stack.sigstop("alpha")
            try:
                breaker_for("alpha").suspect("test")
                becomes("alpha", BreakerState.OPEN)
                assert "known to be away" in ask(pooled.a)
            finally:
                stack.sigcont("alpha")
            becomes("alpha", BreakerState.SUSPECTED)
            assert ask(pooled.a) == "served"
            assert breaker_for("alpha").look().state is BreakerState.SUSPECTED
        becomes("alpha", BreakerState.CLOSED)
