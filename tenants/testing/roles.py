"""The roles and schemas that a test run made on servers that outlive it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from sharding.registry.types import Registry
from sharding.schemas.connections import Connection, own_connection
from sharding.schemas.services.roles import drop_role

_SCHEMAS: Final = "SELECT schema FROM atoll.tenant_schema"
_RESERVED: Final = "SELECT shard_id, name FROM {table}"


def schemas_of(owner: Connection) -> set[str]:
    """The tenants' schemas that a shard has."""
    return {schema for (schema,) in owner.execute(_SCHEMAS)}


def reserved_roles(registry: Registry) -> set[tuple[str, str]]:
    """Shard and name of every role that control of `registry` knows."""
    from psycopg import sql

    from sharding.placements.models import ReservedRole

    assert registry.control is not None, "test databases have one"
    table = sql.Identifier(ReservedRole._meta.db_table)
    with own_connection(registry.control) as connection:
        rows = connection.execute(sql.SQL(_RESERVED).format(table=table)).fetchall()
    return {(shard, name) for shard, name in rows}


def drop_roles(registry: Registry, roles: Iterable[tuple[str, str]]) -> None:
    """Drop these roles from their servers, once the databases that used them are gone."""
    for shard, name in roles:
        server = registry.shards[shard]
        # Roles belong to a server: any database will do, and ours are gone.
        drop_role(replace(server, direct=replace(server.direct, dbname="postgres")), name)
