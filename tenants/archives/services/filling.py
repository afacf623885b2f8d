"""Put another tenant's rows into a schema that was just made, and see that they are the same."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import psycopg
from psycopg import sql

from sharding import scope
from sharding.pools.outages import without_rows
from sharding.registry import current as addresses
from sharding.schemas.connections import Connection, own_connection
from sharding.schemas.services.content_hash import content_hash
from sharding.schemas.services.refill import check_now, refill
from sharding.schemas.services.transfer import (
    TableShape,
    copy_in,
    set_sequences,
    snapshot,
)
from tenants.archives.errors import CannotRestore
from tenants.archives.services.building import check_structure
from tenants.archives.services.source import LONG
from tenants.archives.types import Filling

Tell = Callable[[str], None]
Rows = Iterable[tuple[TableShape, Iterator[bytes]]]

_ANALYZE = "ANALYZE {tables}"
_TABLES_PER_STATEMENT = 50
"""Each is locked until the statement ends."""

_WRONG_ROWS = (
    psycopg.errors.IntegrityError,
    psycopg.errors.DataError,
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
)


def fill(placement: scope.Placement, filling: Filling, rows: Rows, *, tell: Tell) -> int:
    """Put the rows in and compare the content of every table; return how many rows there are.

    Locks: the caller holds the tenant's lease; the tables are locked.
    Transaction: one, on an owner connection of its own: all rows, or none.
    Idempotent: rows that are there are replaced.

    Raises:
        CannotRestore: the schema is another one, or its rows came out otherwise.
        ServerUnreachable, psycopg.Error: run it again.
    """
    schema = placement.schema
    with own_connection(addresses.shard(placement.shard), LONG) as connection:
        with snapshot(connection, schema):
            check_structure(connection, schema, filling)
        filled: list[str] = []
        total = 0
        try:
            with refill(connection, schema):
                for table, blocks in rows:
                    count = copy_in(connection, schema, table, blocks)
                    tell(f"{table.name}: {count} rows")
                    filled.append(table.name)
                    total += count
                set_sequences(connection, schema, filling.sequences)
                check_now(connection)
                _compare(connection, schema, filling)
        except _WRONG_ROWS as error:
            raise CannotRestore(filling.what, [_told(error)], advice=filling.advice) from error
        left = iter(filled)
        while some := list(islice(left, _TABLES_PER_STATEMENT)):
            tables = sql.SQL(", ").join(sql.Identifier(schema, name) for name in some)
            connection.execute(sql.SQL(_ANALYZE).format(tables=tables))
    return total


def _compare(connection: Connection, schema: str, filling: Filling) -> None:
    wrong = [
        f"the rows of {table.name} are others than those of its source"
        for table in filling.tables
        if str(content_hash(connection, schema, table)) != filling.hash_of(table)
    ]
    if wrong:
        raise CannotRestore(filling.what, wrong)


def _told(error: psycopg.Error) -> str:
    """Of a key that leads nowhere also which: an operator adds the row that it wants."""
    is_key = isinstance(error, psycopg.errors.ForeignKeyViolation)
    detail = error.diag.message_detail if is_key else None
    return " ".join(filter(None, (without_rows(error), detail)))
