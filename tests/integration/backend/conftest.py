"""Two shards, four tenants; after each test no scope, no open block, no rows, no connection."""

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection

from devstack.pgbouncer_server import Entry
from sharding import scope
from sharding.registry import current as registry
from sharding.registry.types import Endpoint
from sharding.scope import Placement
from sharding.scope.current import replace as set_scope
from tests.fixtures.connections import forget_connections
from tests.integration.backend.app import installed
from tests.integration.backend.grounds import Grounds, build_grounds, empty, remove_grounds
from tests.integration.backend.models import Author

SERVER_CONNECTIONS = 2
"""Of PgBouncer, where a test asks for it."""


@pytest.fixture(scope="session")
def built_grounds(stack, django_db_blocker) -> Iterator[Grounds]:
    before = registry.registry()
    with django_db_blocker.unblock(), installed():
        made = build_grounds(stack)
    registry.install(before)
    yield made
    remove_grounds(stack, made)


@pytest.fixture
def grounds(built_grounds, django_db_blocker) -> Iterator[Grounds]:
    before = registry.registry()
    registry.install(built_grounds.registry)
    with django_db_blocker.unblock(), installed():
        yield built_grounds
        set_scope(None)
        forget_connections()
        ContentType.objects.clear_cache()
        empty(built_grounds)
    registry.install(before)


@pytest.fixture(params=["a between b", "b between a"])
def place(request, grounds) -> Iterator[Placement]:
    """A tenant on a connection that its neighbour has used last, and uses again at the end.

    The neighbour has a row from before, and whatever the test did, that is all it finds.
    """
    one, other = grounds.a, grounds.b
    if request.param == "b between a":
        one, other = other, one
    with scope.enter(other):
        Author.objects.create(name="the neighbour's")
    yield one
    with scope.enter(other), connection.cursor() as cursor:
        cursor.execute("SELECT current_user, array_agg(name) FROM backend_tests_author")
        assert cursor.fetchall() == [(other.role, ["the neighbour's"])]


@pytest.fixture
def through_pgbouncer(grounds, pgbouncer) -> Iterator[None]:
    """Tenants of alpha reach it through a pooler with far fewer connections than clients."""
    server = registry.shard("alpha")
    entries = pgbouncer.server.entries
    pgbouncer.server.entries = {
        **entries,
        "backend_alpha": Entry(server.direct.host, server.direct.port, server.direct.dbname),
    }
    pgbouncer.restart(pool_size=SERVER_CONNECTIONS)
    at = Endpoint("127.0.0.1", pgbouncer.server.port, "backend_alpha")
    known = registry.registry()
    registry.install(replace(known, shards=MappingProxyType({"alpha": replace(server, pooled=at)})))
    yield
    pgbouncer.server.entries = entries
