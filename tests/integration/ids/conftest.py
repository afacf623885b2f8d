"""Tenants without a schema, and what is in those that have one."""

import itertools

import pytest
from django.db import connections
from psycopg import sql

from sharding.placements.services.placing import create_placement
from sharding.placements.services.reserving import reserve_tenant_id
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection

_numbers = itertools.count()

TYPES = "SELECT app_label || '.' || model, id FROM {}.django_content_type"
PERMISSIONS = """
    SELECT t.app_label || '.' || t.model || ' ' || p.codename, p.id
    FROM {0}.auth_permission p JOIN {0}.django_content_type t ON t.id = p.content_type_id
"""


@pytest.fixture(autouse=True)
def fleet(stack_ready):
    yield stack_ready
    connections.close_all()


@pytest.fixture
def new_place():
    """Makes placements in CREATING, without a schema."""

    return make_place


def make_place(shard="alpha"):
    tenant_id = reserve_tenant_id(shard, used_by=f"ids{next(_numbers)}")
    return create_placement(tenant_id, shard).to_scope()


def ids(place):
    """The ids of content types and of permissions, by name."""
    with owner(place) as own:
        schema = sql.Identifier(place.schema)
        types = own.execute(sql.SQL(TYPES).format(schema)).fetchall()
        permissions = own.execute(sql.SQL(PERMISSIONS).format(schema)).fetchall()
    return dict(types), dict(permissions)


def owner(place):
    return own_connection(addresses.shard(place.shard))
