"""Django's pool, with our connections and options: one per server and process, opened late."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from time import monotonic, sleep
from types import MappingProxyType
from typing import Any

import pytest
from django.db import close_old_connections, connections, transaction
from django.db import connection as default
from django.db.utils import OperationalError

from sharding import scope
from sharding.backend import wrapper as module
from sharding.backend.idle_pools import PoolKeeper
from sharding.pools.deadline import deadlined_for
from sharding.pools.errors import NoConnectionFree
from sharding.pools.meters import meter_for
from sharding.registry import current as registry
from tests.fixtures.connections import forget_connections
from tests.fixtures.waiting import wait_for
from tests.integration.backend.models import Author

pytestmark = pytest.mark.direct("it looks at sessions of the server")

connection: Any = default  # has a pool, which Django's base class does not know


@pytest.fixture
def pooled(grounds, settings):
    settings.ATOLL_POOL = {"max_size": 1}
    forget_connections()
    yield grounds
    forget_connections()


def test_tenants_of_a_shard_share_its_connection_and_nothing_else(pooled):
    pids = set()
    for place in (pooled.a, pooled.b) * 3:
        with scope.enter(place):
            Author.objects.create(name=place.role)
            assert set(Author.objects.values_list("name", flat=True)) == {place.role}
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid(), current_user")
                pid, role = cursor.fetchone()
            pids.add(pid)
            assert role == place.role
            connection.close()
    assert len(pids) == 1


def test_it_is_opened_by_the_first_statement_and_has_our_options(pooled):
    with scope.enter(pooled.a):
        pool = connection.pool
        assert pool.closed
        Author.objects.count()
        assert not pool.closed
    assert pool.connection_class is deadlined_for("alpha")
    assert pool.name == "atoll-alpha"
    assert (pool.max_waiting, pool.reconnect_timeout, pool.timeout) == (0, 2, 0.5)
    assert (pool.num_workers, pool.min_size, pool.max_size) == (1, 0, 1)


def test_who_waits_for_a_connection_is_told_soon(pooled):
    with scope.enter(pooled.a):
        Author.objects.count()  # and keeps the only connection
        with (
            scope.enter(pooled.b, independent=True),
            pytest.raises(OperationalError, match="server alpha gives no connection") as caught,
        ):
            Author.objects.count()
        # A pool that is busy is no server that is away.
        assert isinstance(caught.value.__cause__, NoConnectionFree)
        assert Author.objects.count() == 0


def test_a_changed_address_gets_a_pool_of_its_own(pooled):
    known = registry.registry()
    with scope.enter(pooled.a):
        Author.objects.count()
        old = connection.pool
        connection.close()
        moved = replace(known.shards["alpha"], mover=None)
        registry.install(replace(known, shards=MappingProxyType({**known.shards, "alpha": moved})))
        Author.objects.count()
        assert connection.pool is not old
        assert old.closed


def test_a_block_that_keeps_an_old_connection_gives_it_back_to_its_own_pool(pooled):
    known = registry.registry()
    with scope.enter(pooled.a):
        with transaction.atomic():
            Author.objects.create(name="x")
            kept: Any = connections["default"]
            old = kept.pool
            moved = replace(known.shards["alpha"], mover=None)
            registry.install(
                replace(known, shards=MappingProxyType({**known.shards, "alpha": moved}))
            )
        assert Author.objects.count() == 1
        assert old.closed
        assert kept.connection is None


def test_a_connection_that_was_left_in_a_transaction_comes_back_clean(pooled):
    with scope.enter(pooled.a), connection.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("INSERT INTO backend_tests_author (name) VALUES ('left open')")
        connection.close()
    for place in (pooled.b, pooled.a):
        with scope.enter(place), connection.cursor() as cursor:
            cursor.execute("SELECT current_user, count(*) FROM backend_tests_author")
            assert cursor.fetchone() == (place.role, 0)
            connection.close()


def backend_of(place) -> int:
    with scope.enter(place), connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
        connection.close()
    return pid


def test_a_connection_that_has_met_its_budget_of_schemas_is_replaced(pooled, settings):
    settings.ATOLL_SCHEMAS_PER_CONNECTION = 2
    expired = meter_for("alpha").read().expired
    first = backend_of(pooled.a)
    # One tenant again and again fills nothing.
    assert {backend_of(pooled.a) for _ in range(5)} == {first}
    assert backend_of(pooled.b) == first, "who fills it still has it"
    second = backend_of(pooled.a)
    assert second != first
    assert backend_of(pooled.a) == second
    assert meter_for("alpha").read().expired == expired + 1


def test_nobody_loses_it_in_a_transaction(pooled, settings):
    settings.ATOLL_SCHEMAS_PER_CONNECTION = 1
    with scope.enter(pooled.a), transaction.atomic():
        for name in "xy":
            Author.objects.create(name=name)
        pid = default.connection.info.backend_pid
    assert backend_of(pooled.a) == pid
    assert backend_of(pooled.a) != pid
    with scope.enter(pooled.a):
        assert Author.objects.count() == 2


@pytest.mark.parametrize("most", [0, 3])
def test_without_a_budget_or_within_it_the_connection_stays(pooled, settings, most):
    settings.ATOLL_SCHEMAS_PER_CONNECTION = most
    assert len({backend_of(place) for place in (pooled.a, pooled.b) * 3}) == 1


def test_without_a_pool_the_end_of_a_request_replaces_it(grounds, settings):
    settings.ATOLL_POOL = None
    settings.ATOLL_SCHEMAS_PER_CONNECTION = 2
    forget_connections()

    def ask(place) -> int:
        with scope.enter(place), connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
        close_old_connections()
        return pid

    first = ask(grounds.a)
    assert [ask(grounds.a), ask(grounds.b)] == [first, first]
    assert ask(grounds.b) != first
    forget_connections()


def test_behind_a_pooler_nothing_is_counted(pooled, settings):
    settings.ATOLL_SCHEMAS_PER_CONNECTION = 1
    known = registry.registry()
    alpha = known.shards["alpha"]
    # The same server by another name, as a pooler's address is.
    before_it = replace(alpha, pooled=replace(alpha.direct, host="localhost"))
    registry.install(replace(known, shards=MappingProxyType({**known.shards, "alpha": before_it})))
    assert len({backend_of(place) for place in (pooled.a, pooled.b) * 2}) == 1


def threads_of(pool) -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith(f"{pool.name}-")]


def test_a_pool_that_nobody_uses_gives_its_connections_and_threads_back(pooled):
    pid = backend_of(pooled.a)
    wrapper: Any = connections["alpha"]
    pool, keeper = wrapper.pool, PoolKeeper()
    assert threads_of(pool)
    assert keeper.looks()["alpha"].open == 1
    # Seen for the first time it is not idle, and one that has lent something never is.
    assert keeper.close_unused(timedelta(0)) == []
    with scope.enter(pooled.a):
        Author.objects.count()
        assert keeper.close_unused(timedelta(0)) == keeper.close_unused(timedelta(0)) == []
        connection.close()
    assert keeper.close_unused(timedelta(minutes=5)) == []
    assert keeper.close_unused(timedelta(0)) == ["alpha"]
    wait_for(lambda: not threads_of(pool))
    with pooled.superuser("alpha") as looking:
        there = "SELECT FROM pg_stat_activity WHERE pid = %s"
        wait_for(lambda: looking.execute(there, [pid]).rowcount == 0)
    # Another test of this process may have waited in vain, which is told as long as it lives.
    gone = keeper.looks().get("alpha")
    assert gone is None or gone.open == 0
    assert backend_of(pooled.b) != pid
    assert wrapper.pool is not pool


def test_who_asks_a_pool_that_is_just_being_closed_gets_the_next_one(pooled, settings):
    settings.ATOLL_POOL = {"max_size": 2, "timeout": 3}
    keeper, ended, closed, asked = PoolKeeper(), threading.Event(), [], []

    def ask(place) -> None:
        while not ended.is_set():
            asked.append(backend_of(place))
            sleep(0.003)

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask, place) for place in (pooled.a, pooled.b)]
        until = monotonic() + 20
        while len(closed) < 20 and monotonic() < until:
            gone = keeper.close_unused(timedelta(0))
            if gone:
                closed += gone
                # Each pool is used before it is closed, or both might be asleep all the while.
                so_far = len(asked)
                wait_for(lambda seen=so_far: len(asked) > seen + 2)
        ended.set()
        for each in asking:
            each.result(timeout=20)
        pool.submit(connections.close_all).result(timeout=20)
    assert len(closed) == 20
    assert len(set(asked)) > 10


def test_letting_go_of_pools_closes_none(pooled):
    with scope.enter(pooled.a):
        Author.objects.count()
        pool = connection.pool
        kept = module.forget_pools()
        assert pool in kept
        assert not pool.closed
        connection.close()
        pool.close()
