"""Take a tenant's schema away, a few tables at a time."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import psycopg
from psycopg import sql

from sharding.registry.types import Server
from sharding.schemas.connections import Connection, Patience, own_connection
from sharding.schemas.errors import ForeignSchema, SchemaInUse
from sharding.schemas.services.fence import seal
from sharding.schemas.services.markers import read_marker, set_phase
from sharding.schemas.types import Phase

MAX_LOCKS = 600
"""Locks of one transaction. A server's table holds 64 × 100 for all its sessions by default, and
one DROP SCHEMA of 300 tables takes 7,800."""

LOCK_TIMEOUT = timedelta(milliseconds=200)
GIVE_UP_AFTER = timedelta(seconds=30)

_EXISTS = "SELECT to_regnamespace(quote_ident(%(schema)s)) IS NOT NULL"

# What a drop locks besides the table: its two types, TOAST table and index, indexes, constraints,
# triggers, defaults with their sequences; for a foreign key the table at its other end, its
# triggers at both ends. Members come before their parents, so that each is dropped by itself.
_TABLES = """
    SELECT c.relname,
           6 + (SELECT count(*) FROM pg_index WHERE indrelid = c.oid)
             + (SELECT count(*) FROM pg_trigger WHERE tgrelid = c.oid)
             + (SELECT 3 * count(*) FROM pg_attrdef WHERE adrelid = c.oid)
             + (SELECT 2 * count(*) FROM pg_attribute
                WHERE attrelid = c.oid AND attidentity <> '')
             + (SELECT coalesce(sum(CASE contype WHEN 'f' THEN 6 ELSE 1 END), 0)
                FROM pg_constraint WHERE conrelid = c.oid)
             + (SELECT 6 * count(*) FROM pg_constraint WHERE confrelid = c.oid)
    FROM pg_class c
    WHERE c.relkind IN ('r', 'p')
      AND c.oid IN (
          SELECT objid FROM pg_depend
          WHERE refclassid = 'pg_namespace'::regclass
            AND refobjid = to_regnamespace(quote_ident(%(schema)s))
            AND classid = 'pg_class'::regclass
      )
    ORDER BY EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid), c.relname
"""

_DROP_TABLES = "DROP TABLE IF EXISTS {tables} CASCADE"
_DROP_SCHEMA = "DROP SCHEMA IF EXISTS {schema} CASCADE"
_FORGET = "DELETE FROM atoll.tenant_schema WHERE schema = {schema}"
_SET_LOCK_TIMEOUT = "SET LOCAL lock_timeout TO {limit}"


@dataclass(frozen=True, slots=True)
class Drop:
    """What a drop did.

    Attributes:
        existed: there was something to drop.
        tables: dropped before the schema itself, in this run.
        transactions: how many it took.
    """

    existed: bool
    tables: int
    transactions: int


def drop_schema(
    server: Server,
    schema: str,
    *,
    max_locks: int = MAX_LOCKS,
    give_up_after: timedelta = GIVE_UP_AFTER,
    tell: Callable[[str], None] = lambda line: None,
) -> Drop:
    """Close `schema` to its tenant and drop it, then forget its row. The role stays.

    `tell` hears of every batch that is gone; a caller with a lease renews it there.

    Transaction: many, on an owner connection of its own; each holds about `max_locks` locks at
    most and waits for readers a fifth of a second at a time.
    Idempotent: a drop that was cut off, and a schema that was half made, are finished; what is
    gone counts as dropped.

    Raises:
        ForeignSchema: the schema is there and was not made by create_schema.
        SchemaInUse: somebody held a table for `give_up_after`; what is dropped stays dropped.
        ServerUnreachable: call it again.
    """
    with own_connection(server, Patience(lock=LOCK_TIMEOUT)) as connection:
        return drop_schema_on(
            connection,
            server,
            schema,
            max_locks=max_locks,
            give_up_after=give_up_after,
            tell=tell,
        )


def drop_schema_on(  # noqa: PLR0913 - what one drop needs
    connection: Connection,
    server: Server,
    schema: str,
    *,
    token: int | None = None,
    max_locks: int = MAX_LOCKS,
    give_up_after: timedelta = GIVE_UP_AFTER,
    tell: Callable[[str], None] = lambda line: None,
) -> Drop:
    """As `drop_schema`, on an owner connection that is there.

    token: a move's. The row stays as a tombstone of that token, so that a late mover is known.

    Raises:
        WrongPhase: the row belongs to a holder of a newer token; nothing was dropped.
    """
    gives_up_at = time.monotonic() + give_up_after.total_seconds()
    if read_marker(connection, schema) is None:
        if _exists(connection, schema):
            raise ForeignSchema(server.name, schema)
        return Drop(existed=False, tables=0, transactions=0)
    _close(connection, schema, token)
    batches = list(in_batches(_weights(connection, schema), max_locks))
    _drop_tables(connection, server, schema, batches, gives_up_at, tell)
    last = [sql.SQL(_DROP_SCHEMA).format(schema=sql.Identifier(schema))]
    if token is None:
        last.append(sql.SQL(_FORGET).format(schema=sql.Literal(schema)))
    _insist(connection, server, schema, last, gives_up_at)
    tables = sum(len(batch) for batch in batches)
    return Drop(existed=True, tables=tables, transactions=len(batches) + 2)


def drop_tables(connection: Connection, server: Server, schema: str) -> int:
    """Drop the tables of a schema that nobody serves from, a few at a time; return how many.

    Transaction: several; forbids an open one.
    Idempotent.

    Raises:
        SchemaInUse: somebody held a table for half a minute.
    """
    batches = list(in_batches(_weights(connection, schema), MAX_LOCKS))
    gives_up_at = time.monotonic() + GIVE_UP_AFTER.total_seconds()
    _drop_tables(connection, server, schema, batches, gives_up_at, lambda line: None)
    return sum(len(batch) for batch in batches)


def _drop_tables(  # noqa: PLR0913 - what one go needs
    connection: Connection,
    server: Server,
    schema: str,
    batches: Iterable[list[str]],
    gives_up_at: float,
    tell: Callable[[str], None],
) -> None:
    for batch in batches:
        statement = sql.SQL(_DROP_TABLES).format(
            tables=sql.SQL(", ").join(sql.Identifier(schema, table) for table in batch)
        )
        _insist(connection, server, schema, (statement,), gives_up_at)
        tell(f"dropped {len(batch)} tables of {schema}")


def in_batches(weights: Iterable[tuple[str, int]], max_locks: int) -> Iterator[list[str]]:
    """Group names in order so that the weights of a group stay within `max_locks`.

    A name that is heavier by itself has a group of its own.
    """
    batch: list[str] = []
    held = 0
    for name, weight in weights:
        if batch and held + weight > max_locks:
            yield batch
            batch, held = [], 0
        batch.append(name)
        held += weight
    if batch:
        yield batch


def _close(connection: Connection, schema: str, token: int | None) -> None:
    with connection.transaction():
        if token is None:
            marker = read_marker(connection, schema)
            token = marker.token if marker else 0
        set_phase(connection, schema, Phase.TOMBSTONE, token=token)
        if _exists(connection, schema):
            seal(connection, schema)


def _weights(connection: Connection, schema: str) -> list[tuple[str, int]]:
    return [(name, weight) for name, weight in connection.execute(_TABLES, {"schema": schema})]


def _exists(connection: Connection, schema: str) -> bool:
    row = connection.execute(_EXISTS, {"schema": schema}).fetchone()
    return bool(row and row[0])


def _insist(
    connection: Connection,
    server: Server,
    schema: str,
    statements: Sequence[sql.Composed],
    gives_up_at: float,
) -> None:
    limit = sql.SQL(_SET_LOCK_TIMEOUT).format(
        limit=sql.Literal(f"{LOCK_TIMEOUT // timedelta(milliseconds=1)}ms")
    )
    while True:
        try:
            with connection.transaction():
                connection.execute(limit)
                for statement in statements:
                    connection.execute(statement)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if time.monotonic() >= gives_up_at:
                raise SchemaInUse(server.name, schema, "dropping") from error
            # Readers that queued behind us go first.
            time.sleep(0.05)
        else:
            return
