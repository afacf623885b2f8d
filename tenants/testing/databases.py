"""Make, copy, mark and drop test databases, and no others."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from psycopg import sql

from sharding.registry.types import Server
from sharding.schemas.connections import Connection, Patience, admin_connection
from tenants.testing.errors import ForeignDatabase, UnsafeName
from tenants.testing.naming import PREFIX
from tenants.testing.types import Servers

MARK: Final = "made by the test kit"
"""Begins the comment on every database that is ours; others are never touched."""

_PATIENCE: Final = Patience(statement=timedelta(minutes=5), lock=timedelta(minutes=5))

_COMMENT: Final = """
    SELECT coalesce(shobj_description(oid, 'pg_database'), '')
    FROM pg_database WHERE datname = %(name)s
"""
_CREATE: Final = "CREATE DATABASE {name} TEMPLATE {template}"
_MARK: Final = "COMMENT ON DATABASE {name} IS {text}"
_DROP: Final = "DROP DATABASE IF EXISTS {name} WITH (FORCE)"
_ALONE: Final = "SELECT pg_advisory_lock(hashtext('atoll.test_kit'))"


class Administrator:
    """One server, as somebody who may make databases there."""

    def __init__(self, servers: Servers, server: Server) -> None:
        self.server = server
        self._servers = servers

    @property
    def name(self) -> str:
        """The test database's."""
        return self.server.direct.dbname

    @property
    def conninfo(self) -> str:
        """The way into the test database."""
        return self._servers.admin_conninfo(self.server.name, self.name)

    def check_ours(self) -> None:
        """Look whether a database of this name may be made anew. Changes nothing.

        Raises:
            ForeignDatabase: one is there, and it is not ours.
        """
        with self._connection() as connection:
            self._check(connection)

    def make(self, template: str = "template0") -> None:
        """Make it anew, as a copy of `template`.

        Raises:
            ForeignDatabase: one of that name is there, and it is not ours.
        """
        with self._connection() as connection:
            self._drop(connection)
            connection.execute(self._named(_CREATE, template=sql.Identifier(template)))
            connection.execute(self._named(_MARK, text=sql.Literal(MARK)))

    def drop(self) -> None:
        """Drop it, whoever is connected. Idempotent.

        Raises:
            ForeignDatabase: it is not ours.
        """
        with self._connection() as connection:
            self._drop(connection)

    def note(self, text: str) -> None:
        """Keep a few words on the database itself."""
        with self._connection() as connection:
            connection.execute(self._named(_MARK, text=sql.Literal(f"{MARK}: {text}")))

    def noted(self) -> str:
        """The words that were kept; empty when there are none, or no database."""
        with self._connection() as connection:
            return (self._comment(connection) or "").removeprefix(MARK).removeprefix(": ")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let other runs on these servers wait until the block ends."""
        with self._connection() as connection:
            connection.execute(_ALONE)
            yield

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        conninfo = self._servers.admin_conninfo(self.server.name, "postgres")
        with admin_connection(self.server.name, conninfo, _PATIENCE) as connection:
            yield connection

    def _drop(self, connection: Connection) -> None:
        self._check(connection)
        connection.execute(self._named(_DROP))

    def _check(self, connection: Connection) -> None:
        if not self.name.startswith(PREFIX):
            raise UnsafeName(self.name, f"it does not begin with {PREFIX}")
        comment = self._comment(connection)
        if comment is not None and not comment.startswith(MARK):
            raise ForeignDatabase(self.server.name, self.name)

    def _comment(self, connection: Connection) -> str | None:
        row = connection.execute(_COMMENT, {"name": self.name}).fetchone()
        return None if row is None else str(row[0])

    def _named(self, statement: str, **parts: sql.Composable) -> sql.Composed:
        return sql.SQL(statement).format(name=sql.Identifier(self.name), **parts)
