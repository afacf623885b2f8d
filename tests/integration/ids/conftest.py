"""Tenants without a schema, and what is in those that have one."""

import itertools

import pytest
from django.db import connections
from psycopg import sql

from migrations_tools.execution import Executor
from sharding.backend.session_bound import session_bound
from sharding.placements.services.placing import create_placement
from sharding.placements.services.reserving import reserve_tenant_id
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services.create_schema import create_schema, open_schema
from sharding.schemas.services.furnish import furnish

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
        return ids_by(own, place)


def ids_by(own, place):
    schema = sql.Identifier(place.schema)
    types = own.execute(sql.SQL(TYPES).format(schema)).fetchall()
    permissions = own.execute(sql.SQL(PERMISSIONS).format(schema)).fetchall()
    return dict(types), dict(permissions)


def owner(place):
    return own_connection(addresses.shard(place.shard))


def build_as_before(place):
    """A schema as releases built it that knew nothing of global ids."""
    server = addresses.shard(place.shard)
    create_schema(server, place.schema)
    with session_bound(place, on_schema_change=lambda execute: furnish(execute, place.schema)):
        connection = connections[place.shard]
        connection.ensure_connection()
        executor = Executor(connection, note=lambda what: None)
        executor.run(executor.pending())
        raw = connection.connection
        with raw.transaction():
            furnish(raw.execute, place.schema)
            open_schema(raw, place.schema, epoch=place.epoch)


STOCK = """
    DROP TRIGGER global_id ON {0}.django_content_type;
    DROP TRIGGER global_id ON {0}.auth_permission;
    UPDATE {0}.django_content_type SET id = id - %(by)s;
    UPDATE {0}.auth_permission SET id = id - %(by)s, content_type_id = content_type_id - %(by)s;
    UPDATE {0}.auth_group_permissions SET permission_id = permission_id - %(by)s;
    UPDATE {0}.accounts_user_user_permissions SET permission_id = permission_id - %(by)s;
    SET CONSTRAINTS ALL IMMEDIATE;
    ALTER SEQUENCE {0}.django_content_type_id_seq RESTART WITH 400;
    ALTER SEQUENCE {0}.auth_permission_id_seq RESTART WITH 400
"""


def make_older(place):
    """What a tenant that has global ids would be like if it were older than these."""
    with owner(place) as own, own.transaction():
        for statement in STOCK.split(";"):
            own.execute(sql.SQL(statement).format(sql.Identifier(place.schema)), {"by": 999_990})
