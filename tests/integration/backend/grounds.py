"""Two shards of four tenants, in databases of their own on the stack's servers."""

from dataclasses import dataclass, replace
from types import MappingProxyType

import psycopg
from django.db import connections
from psycopg import sql

from sharding.backend.session_bound import session_bound
from sharding.registry.current import install
from sharding.registry.types import Endpoint, Registry, Server
from sharding.schemas.connections import own_connection
from sharding.schemas.services.create_schema import create_schema, open_schema
from sharding.schemas.services.furnish import furnish
from sharding.schemas.services.prepare_shard import prepare_shard
from sharding.schemas.services.roles import make_roles
from sharding.scope import Placement
from tests.integration.backend.models import MODELS


@dataclass(frozen=True)
class Grounds:
    """a and b share a shard, c and d another.

    Every test alternates two tenants of one shard; a constant tenant proves nothing.
    """

    registry: Registry
    admin: dict[str, str]
    a: Placement
    b: Placement
    c: Placement
    d: Placement

    @property
    def all(self) -> tuple[Placement, ...]:
        return self.a, self.b, self.c, self.d

    def owner(self, place: Placement):
        return own_connection(self.registry.shards[place.shard])

    def superuser(self, shard: str) -> psycopg.Connection:
        """For looking on; never to do what the product does."""
        return psycopg.connect(self.admin[shard], autocommit=True)


def build_grounds(stack, prefix: str = "backend") -> Grounds:
    direct = stack.direct_registry()
    shards: dict[str, Server] = {}
    admin: dict[str, str] = {}
    for name in ("alpha", "beta"):
        dbname = f"{prefix}_{name}"
        with psycopg.connect(stack.admin_conninfo(name, "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(dbname)))
        at = Endpoint(direct.shards[name].direct.host, direct.shards[name].direct.port, dbname)
        shards[name] = replace(direct.shards[name], direct=at, pooled=at)
        admin[name] = stack.admin_conninfo(name, dbname)
        prepare_shard(admin[name], shards[name])
    registry = install(Registry(1, direct.control, MappingProxyType(shards)))
    places = [
        Placement(f"t{prefix}{letter}", shard, f"t{prefix}{letter}", 1, f"g{letter}")
        for letter, shard in zip("abcd", ("alpha", "alpha", "beta", "beta"), strict=True)
    ]
    for place in places:
        build_tenant(registry.shards[place.shard], place)
    return Grounds(registry, admin, *places)


def build_tenant(server: Server, place: Placement) -> None:
    make_roles(server, [place.tenant_id])
    create_schema(server, place.schema)
    with (
        session_bound(place, lambda execute: furnish(execute, place.schema)),
        connections[place.shard].schema_editor() as editor,
    ):
        for model in MODELS:
            editor.create_model(model)
    with own_connection(server) as connection:
        open_schema(connection, place.schema)


def remove_grounds(stack, grounds: Grounds, prefix: str = "backend") -> None:
    for name in ("alpha", "beta"):
        with psycopg.connect(stack.admin_conninfo(name, "postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(f"{prefix}_{name}"))
            )
            for place in grounds.all:
                connection.execute(
                    sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(place.role))
                )


def empty(grounds: Grounds) -> None:
    """Remove all rows, as the owner, in one statement a shard."""
    for shard in ("alpha", "beta"):
        tables = [
            sql.Identifier(place.schema, table)
            for place in grounds.all
            if place.shard == shard
            for model in MODELS
            for table in [model._meta.db_table, *_through(model)]
        ]
        with own_connection(grounds.registry.shards[shard]) as connection:
            connection.execute(
                sql.SQL("TRUNCATE {} RESTART IDENTITY").format(sql.SQL(", ").join(tables))
            )


def _through(model) -> list[str]:
    return [field.m2m_db_table() for field in model._meta.local_many_to_many]


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of a driver's error, also of one that Django has wrapped."""
    return getattr(error.__cause__ or error, "sqlstate", None)
