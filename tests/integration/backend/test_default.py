"""`default` is what the scope says, in every form that Django and third parties use it in."""

import asyncio
import gc
import threading

import pytest
from asgiref.sync import sync_to_async
from django.db import (
    DEFAULT_DB_ALIAS,
    close_old_connections,
    connection,
    connections,
    reset_queries,
    router,
    transaction,
)
from django.test.utils import CaptureQueriesContext

from sharding import scope
from sharding.registry import current as registry
from tests.integration.backend.models import Author


def role():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return cursor.fetchone()[0]


WAYS = {
    "connection": lambda: connection,
    "connections[default]": lambda: connections["default"],
    "connections[DEFAULT_DB_ALIAS]": lambda: connections[DEFAULT_DB_ALIAS],
    "by the router": lambda: connections[router.db_for_write(Author)],
    "by the shard's own name": lambda: connections[scope.tenant().shard],
    "get_connection": transaction.get_connection,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_default_leads_to_the_tenants_shard(grounds, way):
    for place in (grounds.a, grounds.b, grounds.c, grounds.a, grounds.d):
        with scope.enter(place), way().cursor() as cursor:
            cursor.execute("SELECT current_user, current_database()")
            assert cursor.fetchone() == (place.role, f"backend_{place.shard}")


def test_default_is_control_in_control_scope_and_control_is_there_by_name(grounds):
    ask = "SELECT current_database(), current_user"
    with scope.enter(scope.CONTROL), connection.cursor() as cursor:
        cursor.execute(ask)
        assert cursor.fetchone() == ("control", "web")
    for place in (None, grounds.a, grounds.c):
        with scope.enter(place), connections["control"].cursor() as cursor:
            cursor.execute(ask)
            assert cursor.fetchone() == ("control", "web")


def test_control_may_be_used_inside_a_tenants_block(place):
    with scope.enter(place), transaction.atomic():
        Author.objects.create(name="x")
        with transaction.atomic(using="control"), connections["control"].cursor() as cursor:
            cursor.execute("SELECT 1")
        assert Author.objects.count() == 1


@pytest.mark.parametrize(
    "block",
    [
        transaction.atomic,
        lambda: transaction.atomic(durable=True),
        lambda: transaction.atomic(using="default"),
        lambda: transaction.atomic("alpha"),
        lambda: transaction.atomic(savepoint=False),
    ],
)
def test_a_bare_block_is_on_the_shard(grounds, block):
    for place in (grounds.a, grounds.b):
        with scope.enter(place):
            with pytest.raises(ZeroDivisionError), block():
                Author.objects.create(name="undone")
                raise ZeroDivisionError
            assert Author.objects.count() == 0


def test_a_block_by_the_shards_name_nests_as_a_savepoint(place):
    with scope.enter(place), transaction.atomic():
        Author.objects.create(name="kept")
        with pytest.raises(ZeroDivisionError), transaction.atomic(using="alpha"):
            Author.objects.create(name="undone")
            raise ZeroDivisionError
        assert Author.objects.get().name == "kept"


def test_select_for_update_works_in_a_bare_block(place):
    with scope.enter(place):
        Author.objects.create(name="x")
        with transaction.atomic():
            assert Author.objects.select_for_update().get().name == "x"


def test_queries_are_counted_and_captured_on_default(grounds, django_assert_num_queries):
    for place in (grounds.a, grounds.b):
        with scope.enter(place):
            with django_assert_num_queries(1):
                Author.objects.count()
            with CaptureQueriesContext(connection) as captured:
                Author.objects.count()
                assert "SET" not in captured.captured_queries[0]["sql"]


def test_execute_wrappers_on_default_see_the_scopes_statements(grounds):
    seen = []

    def wrapper(execute, sql, params, many, context):
        seen.append((scope.tenant().role, sql.split()[0], context["connection"].alias))
        return execute(sql, params, many, context)

    for place in (grounds.a, grounds.c):
        with scope.enter(place), connection.execute_wrapper(wrapper):
            Author.objects.count()
    assert seen == [(grounds.a.role, "SELECT", "alpha"), (grounds.c.role, "SELECT", "beta")]


def test_naming_default_reads_the_tenant_too(grounds):
    for place in (grounds.a, grounds.b):
        with scope.enter(place):
            Author.objects.create(name=place.role)
            assert Author.objects.using("default").get().name == place.role


def test_closing_reaches_shards(place):
    with scope.enter(place):
        Author.objects.count()
        raw = connection.connection
        connection.close()
        assert raw.closed
        Author.objects.count()
        raw = connection.connection
    connections.close_all()
    assert raw.closed
    with scope.enter(place):
        connection.force_debug_cursor = True
        Author.objects.count()
        assert connection.queries
        raw = connection.connection
        connection.force_debug_cursor = False
    reset_queries()
    with scope.enter(place):
        connection.close_at = 0.0  # it has lived long enough
    close_old_connections()
    assert raw.closed
    with scope.enter(place):
        assert connection.queries == []


def test_all_gives_what_is_open_and_iteration_only_what_settings_name(grounds):
    for place in (grounds.a, grounds.c):
        with scope.enter(place):
            Author.objects.count()
    assert list(connections) == ["default", "control"]
    open_ones = {wrapper.alias for wrapper in connections.all(initialized_only=True)}
    assert {"alpha", "beta"} <= open_ones
    with scope.enter(grounds.a):
        aliases = [wrapper.alias for wrapper in connections.all()]
        assert sorted(aliases) == sorted(set(aliases)), "default and alpha are one connection"


def test_a_wrapper_kept_from_one_shard_refuses_in_the_scope_of_another(grounds):
    with scope.enter(grounds.a):
        kept = connections["default"]
    with scope.enter(grounds.c), pytest.raises(scope.WrongShard), kept.cursor() as cursor:
        cursor.execute("SELECT 1")
    with scope.enter(grounds.b), kept.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == (grounds.b.role,)


def test_threads_and_coroutines_have_the_scope_they_should(grounds):
    seen = []

    def in_a_thread():
        try:
            seen.append(role())
        except scope.NoTenantInScope:
            seen.append(None)

    async def in_a_loop():
        return await sync_to_async(role)()

    async def two_at_once():
        async def one(place):
            with scope.enter(place):
                for _ in range(3):
                    found = await sync_to_async(role)()
                    await asyncio.sleep(0)
                    assert found == place.role
            return place

        return await asyncio.gather(*(one(place) for place in grounds.all))

    with scope.enter(grounds.a):
        thread = threading.Thread(target=in_a_thread)
        thread.start()
        thread.join()
        assert asyncio.run(in_a_loop()) == grounds.a.role
    assert seen == [None]
    assert len(asyncio.run(two_at_once())) == 4
    _close_asgiref_threads()


def _close_asgiref_threads():
    # sync_to_async ran in the loop's own thread; its connections went with it.
    gc.collect()


def test_async_orm_methods_are_bound(grounds):
    async def work():
        names = []
        for place in (grounds.a, grounds.b, grounds.a):
            with scope.enter(place):
                await Author.objects.acreate(name=place.role)
                names.append([author.name async for author in Author.objects.all()])
        return names

    assert asyncio.run(work()) == [
        [grounds.a.role],
        [grounds.b.role],
        [grounds.a.role, grounds.a.role],
    ]


def test_a_shard_added_at_run_time_is_there_and_a_removed_one_is_not(grounds):
    from dataclasses import replace
    from types import MappingProxyType

    known = registry.registry()
    gamma = replace(known.shards["alpha"], name="gamma")
    place = replace(grounds.a, shard="gamma")
    registry.install(replace(known, shards=MappingProxyType({**known.shards, "gamma": gamma})))
    with scope.enter(place):
        assert role() == grounds.a.role
        raw = connection.connection
    registry.install(known)
    with scope.enter(place), pytest.raises(Exception, match="No shard is called 'gamma'"):
        role()
    assert raw.closed


def test_a_changed_address_makes_a_new_connection_but_an_open_block_keeps_its_own(place):
    from dataclasses import replace
    from types import MappingProxyType

    known = registry.registry()
    alpha = known.shards["alpha"]
    elsewhere = replace(alpha, mover=None)
    with scope.enter(place):
        with transaction.atomic():
            Author.objects.create(name="x")
            before = connections["default"]
            registry.install(
                replace(known, shards=MappingProxyType({**known.shards, "alpha": elsewhere}))
            )
            assert connections["default"] is before
            assert Author.objects.count() == 1
        assert connections["default"] is not before
        assert before.connection is None
        assert Author.objects.count() == 1
