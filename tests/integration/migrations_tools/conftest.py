"""Tenants without a schema, and processes that build one."""

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.db import connections

from sharding import scope
from sharding.placements.services.placing import create_placement
from sharding.placements.services.reserving import reserve_tenant_id
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from tests.fixtures.waiting import killed_at_last

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


@pytest.fixture
def start_build(fleet):
    """Starts processes with the probe app that build a schema; kills what is left of them."""
    with killed_at_last() as started:

        def start(place: scope.Placement, *, wait_at: str = "") -> subprocess.Popen:
            process = subprocess.Popen(
                [sys.executable, "-m", f"{__package__}.build", place.tenant_id, wait_at],
                env={
                    **os.environ,
                    "DJANGO_SETTINGS_MODULE": "tests.integration.migrations_tools.settings",
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            started.append(process)
            return process

        yield start


@pytest.fixture
def build(start_build):
    """Builds a schema in a process of its own and returns its last line."""

    def run(place: scope.Placement) -> str:
        process = start_build(place)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out.splitlines()[-1]

    return run
