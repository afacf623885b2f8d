"""A PgBouncer that runs with files that we wrote, and tenants behind it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from django.db import connection, connections
from django.test import override_settings

from devstack.pgbouncer_server import PgBouncerServer
from sharding import scope
from sharding.registry import current
from sharding.registry.types import Registry
from sharding.schemas.connections import own_connection
from sharding.schemas.services.create_schema import create_schema, open_schema
from sharding.schemas.services.drop_schema import drop_schema
from sharding.schemas.services.roles import drop_role, make_roles
from sharding.scope import Placement
from tests.fixtures.pgbouncer import WithOurFiles, behind, write

WHO = "SELECT current_user, current_schema()"


@contextmanager
def two_tenants(names: tuple[str, str]) -> Iterator[tuple[Placement, Placement]]:
    """Two tenants on alpha, with a table and a row each; gone afterwards."""
    server = current.shard("alpha")
    make_roles(server, names)
    for name in names:
        create_schema(server, name)
    with own_connection(server) as owner:
        for name in names:
            open_schema(owner, name, epoch=1)
    yield tuple(Placement(name, "alpha", name, 1, "g") for name in names)
    for name in names:
        drop_schema(server, name)
        drop_role(server, name)


@contextmanager
def led_through(server: PgBouncerServer, known: Registry) -> Iterator[None]:
    """Requests go to the shards of `known` by way of `server`, within the block."""

    before = current.registry()
    shards = {name: behind(server, each) for name, each in known.shards.items()}
    current.install(replace(known, shards=MappingProxyType(shards)))
    try:
        yield
    finally:
        for wrapper in connections.all(initialized_only=True):
            wrapper.close()
        current.install(before)


@contextmanager
def small_pooler(known: Registry, *, query_wait_timeout: int = 2) -> Iterator[PgBouncerServer]:
    """One with our files and two connections per shard, which requests are led through."""
    folder = Path(tempfile.mkdtemp(prefix="atoll-pgb-"))
    server = WithOurFiles.in_folder(folder)
    with led_through(server, known), override_settings(ATOLL_PROCESS_GROUPS="web=1x2"):
        write(folder)
        # As many clients as there are threads here, not as many as the group has.
        main = folder / "pgbouncer.ini"
        text = main.read_text().replace("max_client_conn = 24", "max_client_conn = 50")
        assert "query_wait_timeout = 2\n" in text
        waits = f"query_wait_timeout = {query_wait_timeout}\n"
        main.write_text(text.replace("query_wait_timeout = 2\n", waits))
        server.start()
        try:
            yield server
        finally:
            server.stop()
    shutil.rmtree(folder)


def who_am_i(place: Placement) -> tuple[str, str]:
    with scope.enter(place), connection.cursor() as cursor:
        cursor.execute(WHO)
        return cursor.fetchone()
