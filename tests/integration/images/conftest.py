"""Schemas from the image and schemas from migrations, and what is in them."""

import itertools
from collections.abc import Iterator

import pytest
from django.db import connections
from psycopg import sql

from migrations_tools.images.models import Image
from migrations_tools.images.services.build_image import build_image
from sharding import scope
from sharding.placements.services.placing import create_placement
from sharding.placements.services.reserving import reserve_tenant_id
from sharding.registry import current as addresses

_numbers = itertools.count()

TABLES = """
    SELECT c.relname, c.relkind::text FROM pg_class c
    WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p', 'S')
    ORDER BY c.relname
"""
# The time at which a migration was applied is its own in every schema.
ROWS = "SELECT (to_jsonb(t) - 'applied')::text FROM {} t ORDER BY 1"
COUNTER = "SELECT last_value, is_called FROM {}"


@pytest.fixture(scope="module", autouse=True)
def image(stack_ready) -> Iterator[Image]:
    """The image of the product's own migrations."""
    receipt = build_image()
    assert receipt.refused == ()
    yield Image.objects.using("control").get(digest=receipt.digest)
    connections.close_all()


@pytest.fixture
def server(stack_ready):
    return addresses.shard("alpha")


@pytest.fixture
def without_image(image):
    """Until the end of the test there is none, for a reason that a test can look for."""
    rows = Image.objects.using("control").filter(pk=image.pk)
    rows.update(refused="a test does without it.")
    yield
    rows.update(refused="")


@pytest.fixture
def new_place():
    """Makes placements in CREATING, without a schema."""

    def make(shard: str = "alpha") -> scope.Placement:
        tenant_id = reserve_tenant_id(shard, used_by=f"image{next(_numbers)}")
        return create_placement(tenant_id, shard).to_scope()

    return make


def contents(connection, schema: str) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, and where every sequence stands; heartbeat and all."""
    found = {}
    for name, kind in connection.execute(TABLES, (schema,)).fetchall():
        query = sql.SQL(COUNTER if kind == "S" else ROWS).format(sql.Identifier(schema, name))
        found[name] = connection.execute(query).fetchall()
    return found
