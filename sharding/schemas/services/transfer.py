"""Take the rows of a schema out, and put them into another one, exactly as they are.

Rows travel by COPY in its text form, with explicit column lists: columns may stand in another
order at the other end, generated columns are reckoned anew there, and identity columns keep their
values. Text and not binary, because it means the same on every PostgreSQL (binary holds OIDs for
some types), and because a person can read it twenty years later.

Source: facts of moves measured on 15, 16 and 18 (docs/architecture.md, "Archives").
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, LiteralString

from psycopg import sql

from sharding.schemas import names
from sharding.schemas.connections import Connection

BLOCK_BYTES: Final = 64 * 1024
"""Rows are handed on in blocks of about this size; a row that is longer is a block by itself."""

_SEQUENCES_PER_STATEMENT: Final = 100
_ALL_AT_ONCE_FROM: Final = 180000
_FURNITURE: Final = [names.WRITE_PERMIT, names.HEARTBEAT]

# What text means depends on these. row_security: a policy would silently hide rows from us.
_PIN = """
    SET LOCAL datestyle TO 'ISO, MDY';
    SET LOCAL intervalstyle TO 'postgres';
    SET LOCAL timezone TO 'UTC';
    SET LOCAL extra_float_digits TO 1;
    SET LOCAL bytea_output TO 'hex';
    SET LOCAL xmlbinary TO 'base64';
    SET LOCAL lc_monetary TO 'C';
    SET LOCAL row_security TO off;
    SET LOCAL search_path TO {schema}, {reference}, {extensions}
"""

# A partitioned table has no rows of its own: its partitions travel.
_TABLES = """
    SELECT c.relname,
           array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attgenerated = ''),
           array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum)
               FILTER (WHERE a.attgenerated = '')
    FROM pg_class c
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relkind = 'r' AND c.relname <> ALL (%(furniture)s)
      AND c.oid IN (
          SELECT objid FROM pg_depend
          WHERE refclassid = 'pg_namespace'::regclass
            AND refobjid = to_regnamespace(quote_ident(%(schema)s))
            AND classid = 'pg_class'::regclass
      )
    GROUP BY c.relname
    ORDER BY c.relname
"""

_SEQUENCES = """
    SELECT c.relname FROM pg_class c
    WHERE c.relkind = 'S'
      AND c.oid IN (
          SELECT objid FROM pg_depend
          WHERE refclassid = 'pg_namespace'::regclass
            AND refobjid = to_regnamespace(quote_ident(%(schema)s))
            AND classid = 'pg_class'::regclass
      )
    ORDER BY c.relname
"""
# From 18 on one plan for all of them: the other way a server plans a look at each.
_SEQUENCE_DATA = """
    SELECT c.relname, held.last_value, held.is_called
    FROM pg_class c, LATERAL pg_get_sequence_data(c.oid) AS held
    WHERE c.relkind = 'S'
      AND c.oid IN (
          SELECT objid FROM pg_depend
          WHERE refclassid = 'pg_namespace'::regclass
            AND refobjid = to_regnamespace(quote_ident(%(schema)s))
            AND classid = 'pg_class'::regclass
      )
    ORDER BY c.relname
"""
_SEQUENCE = "SELECT {name}::text, last_value, is_called FROM {sequence}"
_SET_SEQUENCES = """
    SELECT setval(format('%%I.%%I', %(schema)s::text, named.name)::regclass,
                  named.value, named.called)
    FROM unnest(%(names)s::text[], %(values)s::bigint[], %(called)s::boolean[])
         AS named (name, value, called)
"""

# What a copy of rows would not take along, or not truly.
_IN_THE_WAY = """
    WITH mine AS (
        SELECT c.* FROM pg_class c WHERE c.oid IN (
            SELECT objid FROM pg_depend
            WHERE refclassid = 'pg_namespace'::regclass
              AND refobjid = to_regnamespace(quote_ident(%(schema)s))
              AND classid = 'pg_class'::regclass
        )
    )
    SELECT format('%%s is a foreign table, whose rows are elsewhere', relname)
    FROM mine WHERE relkind = 'f'
    UNION ALL
    SELECT format('%%s hides rows from its owner (FORCE ROW LEVEL SECURITY)', relname)
    FROM mine WHERE relforcerowsecurity
    UNION ALL
    SELECT format('%%s.%%s holds numbers of large objects, which lie outside of schemas',
                  relname, attname)
    FROM mine JOIN pg_attribute ON attrelid = mine.oid AND attnum > 0 AND NOT attisdropped
    JOIN pg_type t ON t.oid = atttypid
    -- The type lo, where there is one, is a domain.
    WHERE relkind IN ('r', 'p') AND 'oid'::regtype IN (t.oid, t.typbasetype, t.typelem)
    ORDER BY 1
"""

_REFERENCES = """
    WITH mine AS (
        SELECT objid FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass
          AND refobjid = to_regnamespace(quote_ident(%(schema)s))
          AND classid = 'pg_class'::regclass
    )
    SELECT DISTINCT child.relname, parent.relname
    FROM pg_constraint k
    JOIN pg_class child ON child.oid = k.conrelid
    JOIN pg_class parent ON parent.oid = k.confrelid
    WHERE k.contype = 'f' AND child.oid IN (SELECT objid FROM mine)
      AND parent.oid IN (SELECT objid FROM mine) AND child.oid <> parent.oid
    ORDER BY 1, 2
"""

_OUT = "COPY {table} ({columns}) TO STDOUT (FORMAT text, ENCODING 'UTF8')"
_IN = "COPY {table} ({columns}) FROM STDIN (FORMAT text, ENCODING 'UTF8')"
_BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# The first query takes the snapshot, and BEGIN is none.
_FREEZE = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1"
_AS_EXPORTED = "SET TRANSACTION SNAPSHOT {exported}"


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table whose rows travel.

    Attributes:
        columns: those that are written, in the order of the table.
        types: theirs, as the catalogue spells them with the schema in the path.
    """

    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SequenceValue:
    """How far a sequence is.

    Attributes:
        called: whether `last_value` was given out; if not, it comes next.
    """

    name: str
    last_value: int
    called: bool


@contextmanager
def snapshot(connection: Connection, schema: str, *, exported: str = "") -> Iterator[None]:
    """See all rows of `schema` as they are now, for the length of a block, whoever writes.

    exported: as the session that exported this snapshot sees them.

    Sequences stand outside of snapshots: read inside the block, they are never behind its rows.

    Transaction: opens one, REPEATABLE READ and read-only; forbids an open one.
    """
    connection.execute(_BEGIN)
    try:
        if exported:
            connection.execute(sql.SQL(_AS_EXPORTED).format(exported=sql.Literal(exported)))
        pin(connection, schema)
        yield
    finally:
        if not connection.closed:
            connection.execute("ROLLBACK")


def freeze(connection: Connection) -> None:
    """See all rows as they are now, from here on, whoever writes.

    Transaction: opens one, REPEATABLE READ and read-only, and leaves it open; forbids an open one.
    """
    connection.execute(_FREEZE)


def freeze_pinned(connection: Connection, schema: str) -> None:
    """`freeze` and `pin` in one message."""
    connection.execute(sql.SQL("; ").join((sql.SQL(_FREEZE), _pinning(schema))))


def pin(connection: Connection, schema: str) -> None:
    """Let text mean the same here as everywhere, and names be those of `schema`.

    Transaction: the caller's, to whose end it holds.
    """
    connection.execute(_pinning(schema))


def tables_of(connection: Connection, schema: str) -> tuple[TableShape, ...]:
    """The tables of `schema` by name, without its furniture.

    Transaction: the caller's, pinned: types are spelled by the path.
    """
    rows = connection.execute(_TABLES, {"schema": schema, "furniture": _FURNITURE})
    return tuple(
        TableShape(name, tuple(columns or ()), tuple(types or ())) for name, columns, types in rows
    )


def in_the_way(connection: Connection, schema: str) -> tuple[str, ...]:
    """One sentence for each thing in `schema` that a copy of its rows would not restore."""
    return tuple(told for (told,) in connection.execute(_IN_THE_WAY, {"schema": schema}))


def references_in(connection: Connection, schema: str) -> tuple[tuple[str, str], ...]:
    """Which table of `schema` refers to which other one by a foreign key: (child, parent)."""
    return tuple(connection.execute(_REFERENCES, {"schema": schema}))


def copy_out(connection: Connection, schema: str, table: TableShape) -> Iterator[bytes]:
    """The rows of one table as COPY's text, in blocks that end with a row.

    Memory: one block, or one row where that is longer.
    Transaction: the caller's, pinned.
    """
    block = bytearray()
    with connection.cursor() as cursor, cursor.copy(_compose(_OUT, schema, table)) as copy:
        for row in copy:
            block += row
            if len(block) >= BLOCK_BYTES:
                yield bytes(block)
                block.clear()
    if block:
        yield bytes(block)


def copy_in(connection: Connection, schema: str, table: TableShape, blocks: Iterable[bytes]) -> int:
    """Add rows to a table, and return how many; identity columns get the values that are given.

    Blocks may end anywhere.

    Transaction: the caller's, pinned; triggers and foreign keys fire (see `refill`).
    """
    with connection.cursor() as cursor:
        with cursor.copy(_compose(_IN, schema, table)) as copy:
            for block in blocks:
                copy.write(block)
        return cursor.rowcount


def read_sequences(connection: Connection, schema: str) -> tuple[SequenceValue, ...]:
    """All sequences of `schema` by name, also those of no column."""
    if connection.info.server_version >= _ALL_AT_ONCE_FROM:
        rows = connection.execute(_SEQUENCE_DATA, {"schema": schema}).fetchall()
        # Null is what whoever may not read one is told; asked for itself it is an error.
        if all(value is not None for _, value, _ in rows):
            return tuple(SequenceValue(*row) for row in rows)
    found = iter([name for (name,) in connection.execute(_SEQUENCES, {"schema": schema})])
    values: list[SequenceValue] = []
    while some := list(islice(found, _SEQUENCES_PER_STATEMENT)):
        asked = sql.SQL(" UNION ALL ").join(
            sql.SQL(_SEQUENCE).format(name=sql.Literal(name), sequence=sql.Identifier(schema, name))
            for name in some
        )
        values += [SequenceValue(*row) for row in connection.execute(asked)]
    return tuple(values)


def set_sequences(connection: Connection, schema: str, values: Collection[SequenceValue]) -> None:
    """Bring sequences to where others were. What they give out is not taken back by a rollback."""
    facts: dict[str, Any] = {
        "schema": schema,
        "names": [one.name for one in values],
        "values": [one.last_value for one in values],
        "called": [one.called for one in values],
    }
    connection.execute(_SET_SEQUENCES, facts)


def _pinning(schema: str) -> sql.Composed:
    return sql.SQL(_PIN).format(
        schema=sql.Identifier(schema),
        reference=sql.Identifier(names.REFERENCE),
        extensions=sql.Identifier(names.EXTENSIONS),
    )


def _compose(statement: LiteralString, schema: str, table: TableShape) -> sql.Composed:
    return sql.SQL(statement).format(
        table=sql.Identifier(schema, table.name),
        columns=sql.SQL(", ").join(map(sql.Identifier, table.columns)),
    )
