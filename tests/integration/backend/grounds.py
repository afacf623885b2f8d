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
from tests.fixtures.pgbouncer import through_pgbouncer
from tests.integration.backend.models import MODELS


@dataclass(frozen=True)
class Grounds:
    """a and b share a shard, c and d another.

    A constant tenant proves nothing, so tests alternate two of one shard: statement by statement
    where they can, by the fixture `place` where they speak of one tenant, and by `capped` where
    they wait for beta. One alone is named where there is none to mix it up with: a role that is
    gone, a shard that comes and goes, session-bound mode, whose connection is nobody else's.
    """

    registry: Registry
    admin: dict[str, str]
    owners: dict[str, psycopg.Connection]
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
    registry = install(through_pgbouncer(registry))
    owners = {name: _owner(server) for name, server in registry.shards.items()}
    return Grounds(registry, admin, owners, *places)


def _owner(server: Server) -> psycopg.Connection:
    return psycopg.connect(
        **server.direct.parameters(server.own),
        autocommit=True,
        application_name="fixture",
    )


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
    for owner in grounds.owners.values():
        owner.close()
    for name in ("alpha", "beta"):
        with psycopg.connect(stack.admin_conninfo(name, "postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(f"{prefix}_{name}"))
            )
            for place in grounds.all:
                connection.execute(
                    sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(place.role))
                )


_USED = """
    SELECT n.nspname, c.relname FROM pg_sequences s
    JOIN pg_class q ON q.relname = s.sequencename
    JOIN pg_namespace n ON n.oid = q.relnamespace AND n.nspname = s.schemaname
    JOIN pg_depend d ON d.objid = q.oid AND d.deptype = 'i'
    JOIN pg_class c ON c.oid = d.refobjid
    WHERE s.last_value IS NOT NULL AND s.schemaname = ANY (%s)
"""


def empty(grounds: Grounds) -> None:
    """Remove all rows of tables whose ids were used, as the owner, and begin with 1 again."""
    schemas = [place.schema for place in grounds.all]
    for owner in grounds.owners.values():
        used = owner.execute(_USED, [schemas]).fetchall()
        if used:
            tables = sql.SQL(", ").join(sql.Identifier(*table) for table in used)
            owner.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(tables))


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of a driver's error, also of one that Django has wrapped."""
    return getattr(error.__cause__ or error, "sqlstate", None)
