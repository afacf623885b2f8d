"""Tenants without a schema, and processes that build one."""

import itertools
from collections.abc import Iterator

import pytest
from django.db import connections

from sharding import scope
from sharding.placements.services.placing import create_placement
from sharding.placements.services.reserving import reserve_tenant_id
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from tests.fixtures.forked import Forked, Starter, starter

_numbers = itertools.count()

# All that a catalogue tells of a schema's shape, without its name.
SHAPE = """
    SELECT 'table', c.relname, string_agg(
               concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull), ','
               ORDER BY a.attnum)
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT attisdropped
    WHERE c.relnamespace = %(schema)s::text::regnamespace AND c.relkind IN ('r', 'p')
    GROUP BY c.relname
    UNION ALL
    SELECT 'index', c.relname, replace(pg_get_indexdef(c.oid), %(schema)s::text, '') || i.indisvalid
    FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
    WHERE c.relnamespace = %(schema)s::text::regnamespace
    UNION ALL
    SELECT 'constraint', conname, replace(pg_get_constraintdef(oid), %(schema)s::text, '')
    FROM pg_constraint WHERE connamespace = %(schema)s::text::regnamespace
    UNION ALL
    SELECT 'trigger', c.relname || t.tgname, t.tgenabled::text
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE c.relnamespace = %(schema)s::text::regnamespace AND NOT t.tgisinternal
    ORDER BY 1, 2
"""
ROWS = """
    SELECT 'migration', app || '.' || name FROM {schema}.django_migrations
    UNION ALL SELECT 'type', app_label || '.' || model FROM {schema}.django_content_type
    UNION ALL SELECT 'permission', codename FROM {schema}.auth_permission
    ORDER BY 1, 2
"""


def shape(place: scope.Placement) -> tuple[list[object], list[object]]:
    """What a schema is, to be compared with another's."""
    with own_connection(addresses.shard(place.shard)) as connection:
        structure = connection.execute(SHAPE, {"schema": place.schema}).fetchall()
        rows = connection.execute(ROWS.format(schema=place.schema)).fetchall()
    return structure, rows


@pytest.fixture(autouse=True)
def fleet(stack_ready) -> Iterator[object]:
    yield stack_ready
    connections.close_all()


@pytest.fixture
def new_place():
    """Makes placements in CREATING, without a schema."""

    def make(shard: str = "alpha") -> scope.Placement:
        tenant_id = reserve_tenant_id(shard, used_by=f"builder{next(_numbers)}")
        return create_placement(tenant_id, shard).to_scope()

    return make


@pytest.fixture(scope="package")
def starter_of_builds(stack_ready, tmp_path_factory) -> Iterator[Starter]:
    """Forks processes with the probe app."""
    with starter(
        f"{__package__}.build",
        tmp_path_factory.mktemp("builds"),
        settings=f"{__package__}.settings",
    ) as made:
        yield made


@pytest.fixture
def start_build(fleet, starter_of_builds):
    """Starts processes with the probe app that build a schema; kills what is left of them."""

    def start(place: scope.Placement, *, wait_at: str = "") -> Forked:
        return starter_of_builds.start(place.tenant_id, wait_at)

    yield start
    starter_of_builds.close()


@pytest.fixture
def build(start_build):
    """Builds a schema in a process of its own and returns its last line."""

    def run(place: scope.Placement) -> str:
        process = start_build(place)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out.splitlines()[-1]

    return run
