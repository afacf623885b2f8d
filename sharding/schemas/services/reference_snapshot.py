"""Put a snapshot of all reference tables onto one shard, and ask what lies there."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql

from sharding.registry.types import Server
from sharding.schemas import names
from sharding.schemas.connections import BRIEF, Connection, Patience, own_connection
from sharding.schemas.errors import ReferenceBusy, ReferenceRowInUse, ReferenceUnprepared
from sharding.schemas.services.reference_shape import Table, plan_changes, qualified, read_shape

LOCK_TIMEOUT: Final = timedelta(milliseconds=300)
"""Tenants' statements queue up behind a lock that we wait for."""
TRIES: Final = 10
_BETWEEN_TRIES_S: Final = 0.3

_READ = "SELECT version, digest, applied_at FROM atoll.reference_version"

# First, so that of two publishers the second waits here; and whoever brings something older, or the
# same once more, changes nothing.
_ADVANCE = """
    UPDATE atoll.reference_version
    SET version = %(version)s, digest = %(digest)s, applied_at = clock_timestamp()
    WHERE version < %(version)s
"""
_BECOME_OWNER = "SET LOCAL ROLE {owner}"

_INSERT = """
    INSERT INTO {table} AS held ({columns})
    SELECT {columns} FROM json_populate_recordset(null::{table}, %(rows)s::json)
    ON CONFLICT ({key}) DO {otherwise}
"""
# Without the key: an update that names it locks out tenants' inserts, whatever it changes.
# Compared as text: not every type can be compared.
_UPDATE = """
    UPDATE SET ({others}) = ROW ({excluded})
    WHERE (held.*)::text IS DISTINCT FROM (excluded.*)::text
"""
_DELETE = """
    DELETE FROM {table} AS held
    WHERE NOT EXISTS (
        SELECT FROM json_populate_recordset(null::{table}, %(rows)s::json) AS kept
        WHERE ({held}) = ({kept})
    )
"""
# Tenants' keys are checked at the commit otherwise, where nobody says which statement it was.
_CHECK_NOW = "SET CONSTRAINTS ALL IMMEDIATE"

_UNPREPARED = (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName)


@dataclass(frozen=True, slots=True)
class SnapshotTable:
    """One table of a snapshot; its rows as the text of a JSON array of objects."""

    table: Table
    rows: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All reference tables as control had them at one moment.

    Attributes:
        version: grows; two snapshots of one version are the same.
        digest: of shape and rows.
    """

    version: int
    digest: str
    tables: tuple[SnapshotTable, ...]


@dataclass(frozen=True, slots=True)
class AppliedSnapshot:
    """What a shard says of the snapshot that it has; version 0: none yet."""

    version: int
    digest: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Application:
    """What putting a snapshot onto a shard did.

    Attributes:
        before: the version that the shard had.
        after: the one that it has; newer than ours where somebody else was faster.
        digest: of that one.
        written, deleted: rows.
        altered: statements that changed tables.
    """

    before: int
    after: int
    digest: str
    written: int = 0
    deleted: int = 0
    altered: int = 0


def read_applied(server: Server) -> AppliedSnapshot:
    """Which snapshot lies on the shard.

    Raises:
        ReferenceUnprepared: it was prepared before there were any.
        ServerUnreachable: within seconds.
    """
    with own_connection(server, BRIEF) as connection:
        return read_applied_through(connection, server)


def read_applied_through(connection: Connection, server: Server) -> AppliedSnapshot:
    """As `read_applied`, by an owner connection to `server` that is there already."""
    with _prepared(server):
        return _applied(connection)


def apply_snapshot(server: Server, snapshot: Snapshot) -> Application:
    """Make the shard's reference tables equal to the snapshot, all of it or nothing.

    What is dropped or deleted and still referred to by a tenant refuses the whole; nothing ever
    cascades into tenants.

    Transaction: one, as the owner of reference tables, on an owner connection of its own.
    Locks: tables whose structure changes, for milliseconds; gives way to those who wait behind us.
    Idempotent: a shard that has this version, or a newer one, is left alone.

    Raises:
        ReferenceRowInUse, ReferenceKeyChanged, ReferenceBusy, ReferenceUnprepared: nothing was
            changed on this shard.
        ServerUnreachable: nothing was changed, or all of it; apply it again.
    """
    patience = Patience(statement=timedelta(seconds=30), lock=LOCK_TIMEOUT)
    with own_connection(server, patience) as connection, _prepared(server):
        before = _applied(connection)
        if before.version >= snapshot.version:
            return Application(before.version, before.version, before.digest)
        for _ in range(TRIES):
            try:
                with connection.transaction():
                    return _apply(connection, before.version, snapshot)
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                time.sleep(_BETWEEN_TRIES_S)
            except (
                psycopg.errors.ForeignKeyViolation,
                psycopg.errors.DependentObjectsStillExist,
            ) as error:
                raise ReferenceRowInUse(server.name, _detail(error)) from error
        raise ReferenceBusy(server.name)


def _apply(connection: Connection, before: int, snapshot: Snapshot) -> Application:
    words = {"version": snapshot.version, "digest": snapshot.digest}
    if not connection.execute(_ADVANCE, words).rowcount:
        there = _applied(connection)
        return Application(before, there.version, there.digest)
    connection.execute(sql.SQL(_BECOME_OWNER).format(owner=sql.Identifier(names.REFERENCE_OWNER)))
    changes = plan_changes(
        read_shape(_rows_of(connection), names.REFERENCE),
        tuple(part.table for part in snapshot.tables),
    )
    for statement in changes.before:
        connection.execute(statement)
    written = sum(_upsert(connection, part) for part in snapshot.tables)
    deleted = sum(_delete(connection, part) for part in snapshot.tables)
    # Also because a table with unchecked rows takes no ALTER TABLE.
    connection.execute(_CHECK_NOW)
    for statement in changes.after:
        connection.execute(statement)
    altered = len(changes.before) + len(changes.after)
    return Application(before, snapshot.version, snapshot.digest, written, deleted, altered)


def _upsert(connection: Connection, part: SnapshotTable) -> int:
    key = part.table.primary_key
    columns = [column.name for column in part.table.columns]
    others = [name for name in columns if name not in key]
    update = sql.SQL(_UPDATE).format(others=_list(others), excluded=_list(others, of="excluded"))
    statement = sql.SQL(_INSERT).format(
        table=qualified(part.table.name),
        columns=_list(columns),
        key=_list(key),
        otherwise=update if others else sql.SQL("NOTHING"),
    )
    return connection.execute(statement, {"rows": part.rows}).rowcount


def _delete(connection: Connection, part: SnapshotTable) -> int:
    key = part.table.primary_key
    statement = sql.SQL(_DELETE).format(
        table=qualified(part.table.name), held=_list(key, of="held"), kept=_list(key, of="kept")
    )
    return connection.execute(statement, {"rows": part.rows}).rowcount


def _list(columns: Iterable[str], of: str | None = None) -> sql.Composed:
    before = () if of is None else (of,)
    return sql.SQL(", ").join(sql.Identifier(*before, column) for column in columns)


def _applied(connection: Connection) -> AppliedSnapshot:
    row = connection.execute(_READ).fetchone()
    return AppliedSnapshot(*row) if row else AppliedSnapshot(0, "", None)


def _rows_of(connection: Connection) -> Any:
    def run(query: str, words: Mapping[str, Any]) -> Any:
        return connection.execute(sql.SQL(query), words).fetchall()

    return run


@contextmanager
def _prepared(server: Server) -> Iterator[None]:
    try:
        yield
    except _UNPREPARED as error:
        raise ReferenceUnprepared(server.name) from error
    except psycopg.errors.InsufficientPrivilege as error:
        # own may not act as the owner of reference tables yet.
        raise ReferenceUnprepared(server.name) from error


def _detail(error: psycopg.Error) -> str:
    said = error.diag
    return " ".join(filter(None, (said.message_primary, said.message_detail)))
