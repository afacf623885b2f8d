"""Template schemas: where migrations are really run, so that what they make can be read off.

A template lies in a shard's own database, since reference tables, extensions and the locale are
there (docs/adr/0013). It has no role, no permit and no row in atoll.tenant_schema.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql
from psycopg.errors import LockNotAvailable

from migrations_tools.execution import Executor, Tell, silent
from sharding import scope
from sharding.backend.session_bound import session_bound
from sharding.registry.types import Server
from sharding.schemas.connections import Connection, Patience, own_connection
from sharding.schemas.errors import ServerUnreachable
from sharding.schemas.services.drop_schema import drop_tables
from sharding.schemas.services.global_ids import install
from sharding.schemas.services.image_replay import ImageBody, entering, slot_for

_CREATE: Final = "CREATE SCHEMA {schema}"
_DROP: Final = "DROP SCHEMA IF EXISTS {schema} CASCADE"
# Held by the session that works in a template. Whoever gets it for another's name knows that
# nobody works there any more.
_HOLD: Final = "SELECT pg_advisory_lock(hashtext('atoll.template'), hashtext(%s))"
_TRY: Final = "SELECT pg_try_advisory_lock(hashtext('atoll.template'), hashtext(%s))"
_LEFT: Final = """
    SELECT nspname FROM pg_namespace
    WHERE nspname LIKE 'tmpl\\_%' AND nspname ~ '^tmpl_[0-9a-f]{12}$'
    ORDER BY nspname
"""
# A builder that was killed in a long statement would else hold its template as long as that.
_END_WITH_CLIENT: Final = (
    "SELECT pg_catalog.set_config('client_connection_check_interval', '1s', false)"
)
_LOCKS: Final = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid()"


_PATIENCE: Final = Patience()


@dataclass(frozen=True, slots=True)
class Template:
    """A schema that nobody else knows.

    Attributes:
        name: occurs nowhere else, so that its own objects can be told by it.
        connection: Django's of that shard, as its owner, inside the schema.
        raw: psycopg's beneath it.
    """

    name: str
    server: Server
    connection: BaseDatabaseWrapper
    raw: Connection

    @property
    def major(self) -> int:
        """Of the server's PostgreSQL."""
        return self.raw.info.server_version // 10000


@contextmanager
def template(server: Server) -> Iterator[Template]:
    """An empty template on `server`, and its scope, until the end of the block.

    What killed processes left there is dropped first.

    Transaction: forbids an open one on that shard.
    Locks: an advisory lock of the session, by the template's name.

    Raises:
        ServerUnreachable: nothing is left but what the next one drops.
    """
    drop_left_templates(server)
    name = f"tmpl_{secrets.token_hex(6)}"
    place = scope.Placement(name, server.name, name, 0, name)
    try:
        with session_bound(place, on_schema_change=lambda execute: install(execute, name)):
            connection = connections[server.name]
            connection.ensure_connection()
            raw: Connection = connection.connection
            raw.execute(_END_WITH_CLIENT)
            raw.execute(_HOLD, (name,))
            raw.execute(sql.SQL(_CREATE).format(schema=sql.Identifier(name)))
            yield Template(name, server, connection, raw)
    finally:
        # What cannot be dropped now is dropped by the next one.
        with (
            suppress(ServerUnreachable, LockNotAvailable),
            own_connection(server, _PATIENCE) as own,
        ):
            # The session that worked there is closed; its lock is given back a moment later.
            own.execute(_HOLD, (name,))
            _drop(own, server, name)


def left_templates(connection: Connection) -> tuple[str, ...]:
    """All templates of this shard, in use or left by processes that were killed."""
    return tuple(name for (name,) in connection.execute(_LEFT))


def drop_left_templates(server: Server) -> tuple[str, ...]:
    """Drop the templates in which nobody works, and return their names.

    Transaction: several, on an owner connection of its own.
    Idempotent.
    """
    with own_connection(server, _PATIENCE) as connection:
        dropped = [
            name for name in left_templates(connection) if _drop_if_free(connection, server, name)
        ]
    return tuple(dropped)


def run_migrations(made: Template, *, tell: Tell = silent) -> tuple[str, ...]:
    """Bring a template to the state of the code by Django's migrations, and name them."""
    executor = Executor(made.connection, note=_no_notes, tell=tell)
    plan = executor.pending()
    executor.run(plan)
    with made.raw.transaction():
        install(made.raw.execute, made.name)
    return tuple(f"{migration.app_label}.{migration.name}" for migration, _ in plan)


def fill(made: Template, body: ImageBody, *, rows: bool = True) -> int:
    """Replay an image in an empty template; return how many locks one transaction held at most.

    Transaction: one for each of its pieces.
    """
    locks = []
    for part in body.scripts(made.name, rows=rows):
        for script in part:
            with made.raw.transaction():
                made.raw.execute(slot_for(body.locks))
                made.raw.execute(entering(made.name))
                made.raw.execute(sql.SQL(script))
                row = made.raw.execute(_LOCKS).fetchone()
                locks.append(int(row[0]) if row else 0)
    return max(locks, default=0)


def _drop_if_free(connection: Connection, server: Server, name: str) -> bool:
    row = connection.execute(_TRY, (name,)).fetchone()
    if not (row and row[0]):
        return False
    _drop(connection, server, name)
    return True


def _drop(connection: Connection, server: Server, name: str) -> None:
    drop_tables(connection, server, name)
    connection.execute(sql.SQL(_DROP).format(schema=sql.Identifier(name)))


def _no_notes(what: str | None) -> None:
    """A template that is cut off is dropped; nobody goes on with it."""
