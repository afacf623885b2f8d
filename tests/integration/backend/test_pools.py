"""Django's pool, with our connections and options: one per server and process, opened late."""

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from django.db import connection as default
from django.db import connections
from django.db.utils import OperationalError

from sharding import scope
from sharding.backend import wrapper as module
from sharding.pools.deadline import deadlined_for
from sharding.pools.errors import NoConnectionFree
from sharding.registry import current as registry
from tests.integration.backend.conftest import forget_connections
from tests.integration.backend.models import Author

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
    from django.db import transaction

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


def test_letting_go_of_pools_closes_none(pooled):
    with scope.enter(pooled.a):
        Author.objects.count()
        pool = connection.pool
        kept = module.forget_pools()
        assert pool in kept
        assert not pool.closed
        connection.close()
        pool.close()
