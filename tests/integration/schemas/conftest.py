"""A bare database of its own for each PostgreSQL version, and shards made of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import psycopg
import pytest
from psycopg import sql

from sharding.backend.prefix import prefix_for
from sharding.registry.types import Endpoint, Server
from sharding.schemas.connections import own_connection
from sharding.schemas.services.create_schema import create_schema, open_schema
from sharding.schemas.services.furnish import furnish
from sharding.schemas.services.prepare_shard import prepare_shard
from sharding.schemas.services.roles import make_roles
from sharding.scope import Placement

_numbers = itertools.count()


@dataclass(frozen=True)
class Bare:
    """A database without anything of ours, and how a superuser gets there."""

    server: Server
    admin: str

    def superuser(self) -> psycopg.Connection:
        return psycopg.connect(self.admin, autocommit=True)


@contextmanager
def bare_database(stack, shard: str, name: str) -> Iterator[Bare]:
    with psycopg.connect(stack.admin_conninfo(shard, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    server = stack.direct_registry().shards[shard]
    at = Endpoint(server.direct.host, server.direct.port, name)
    try:
        yield Bare(replace(server, direct=at, pooled=at), stack.admin_conninfo(shard, name))
    finally:
        with psycopg.connect(stack.admin_conninfo(shard, "postgres"), autocommit=True) as again:
            again.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(
    scope="session",
    params=["newest", pytest.param("15", marks=pytest.mark.needs("postgresql15"))],
)
def cluster(request):
    """A devstack, of the newest PostgreSQL and of the oldest supported one."""
    return request.getfixturevalue("stack" if request.param == "newest" else "stack_15")


@pytest.fixture
def bare(cluster) -> Iterator[Bare]:
    with bare_database(cluster, "alpha", f"bare_{next(_numbers)}") as made:
        yield made


@pytest.fixture(scope="session")
def prepared(cluster) -> Iterator[Bare]:
    """A shard in a database of its own; tests make schemas there under new names."""
    with bare_database(cluster, "alpha", "schemas_tests") as made:
        prepare_shard(made.admin, made.server)
        yield made


@pytest.fixture
def shard(prepared) -> Server:
    return prepared.server


@pytest.fixture(scope="session")
def role_names(prepared) -> Iterator[str]:
    names = [f"tschemas{number:03d}" for number in range(60)]
    make_roles(prepared.server, names)
    return iter(names)


@dataclass
class Tenant:
    """A tenant's schema, and what its code may do there through web."""

    server: Server
    schema: str

    def as_tenant(self, statement: str):
        """Run one statement as requests do, and return its rows."""
        place = Placement(self.schema, self.server.name, self.schema, 1, "g")
        with psycopg.connect(**web(self.server), autocommit=True) as connection:
            cursor = connection.execute(prefix_for(place).sql + statement.encode())
            while cursor.nextset():
                pass
            return cursor.fetchall() if cursor.description else cursor.rowcount

    def as_own(self, *statements: str) -> None:
        """Run statements as the owner in one transaction, furnished at its end."""
        with own_connection(self.server) as connection, connection.transaction():
            path = sql.SQL("SET LOCAL search_path TO {}, reference, extensions")
            connection.execute(path.format(sql.Identifier(self.schema)))
            for statement in statements:
                connection.execute(statement)
            furnish(connection.execute, self.schema)


def web(server: Server) -> dict[str, object]:
    at = server.pooled
    return {
        "host": at.host,
        "port": at.port,
        "dbname": at.dbname,
        "user": server.web.user,
        "password": server.web.password,
    }


@pytest.fixture
def new_tenant(shard, role_names):
    """Makes tenants: open, with a table `note`."""

    def make(*, tables: tuple[str, ...] = ("CREATE TABLE note (id serial PRIMARY KEY, x int)",)):
        tenant = Tenant(shard, next(role_names))
        create_schema(shard, tenant.schema)
        if tables:
            tenant.as_own(*tables)
        with own_connection(shard) as connection:
            open_schema(connection, tenant.schema, epoch=1)
        return tenant

    return make
