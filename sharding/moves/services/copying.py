"""Bring the rows of a schema over, and again those of tables that changed since.

A round sees the source in one snapshot and knows, for the next one, which transactions that
snapshot did not see. A table of which no row version is younger, and which has as many rows as
then, holds the same rows; all others are copied again. The last round is the fence's.

Source: docs/adr/0020.
"""

import hashlib
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, LiteralString

from psycopg import sql

from sharding.moves.errors import CopyFailed, FenceIncomplete
from sharding.schemas.connections import Connection
from sharding.schemas.services.content_hash import content_hash
from sharding.schemas.services.transfer import (
    TableShape,
    copy_in,
    copy_out,
    pin,
    snapshot,
    tables_of,
)

_HORIZON: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text"

# xmin of a row version that was frozen is as it was; one of before an upgrade is older than all.
_LOOK: Final = """
    SELECT {name}::text, count(*),
           count(*) FILTER (WHERE age(xmin) <= age({horizon}::xid8::xid))
    FROM ONLY {table}
"""
_TRUNCATE: Final = "TRUNCATE {tables}"
_EMPTY: Final = "DELETE FROM ONLY {table}"
_ANALYZE: Final = "ANALYZE {tables}"
_NO_JIT: Final = "SET LOCAL jit TO off"
_TABLES_PER_STATEMENT: Final = 50


@dataclass(frozen=True, slots=True)
class Round:
    """What the target has: the source's rows as one snapshot saw them.

    Attributes:
        horizon: the oldest transaction (xid8) that the snapshot may not have seen.
        counts: rows by table.
        copied: tables that this round has copied.
        rows: that it has copied.
        seconds: by what took them: looking for changes, copying, comparing …
    """

    tables: tuple[TableShape, ...]
    horizon: str
    counts: Mapping[str, int]
    copied: tuple[str, ...] = ()
    rows: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)


def first_round(source: Connection, target: Connection, schema: str) -> Round:
    """Copy all tables, and compare what came out.

    Transaction: one on each, of its own; forbids open ones.
    Idempotent: what the target has is replaced.

    Raises:
        CopyFailed: the copies differ.
    """
    began = time.monotonic()
    with snapshot(source, schema):
        horizon, tables = _horizon(source), tables_of(source, schema)
        with target.transaction():
            pin(target, schema)
            check_tables(schema, tables, tables_of(target, schema))
            _truncate(target, schema, tables)
            counts = _copy(source, target, schema, tables)
        copied = time.monotonic()
        compare(source, target, schema, tables)
    compared = time.monotonic()
    analyze(target, schema, tables)
    return Round(
        tables,
        horizon,
        counts,
        copied=tuple(counts),
        rows=sum(counts.values()),
        seconds={
            "copy": copied - began,
            "compare": compared - copied,
            "analyze": time.monotonic() - compared,
        },
    )


def next_round(
    source: Connection, target: Connection, schema: str, before: Round, *, compared: bool
) -> Round:
    """Copy the tables that changed since `before`.

    compared: look whether what came out is the same; not within the pause, where it is looked at
        afterwards, and only counted.

    Transaction: one on the source, of its own. On the target the caller's, if one is open, so that
        other things can be committed with it.

    Raises:
        FenceIncomplete: there are other tables, or other columns, than before.
        CopyFailed: the copies differ.
    """
    began = time.monotonic()
    with snapshot(source, schema):
        source.execute(_NO_JIT)
        horizon, tables = _horizon(source), tables_of(source, schema)
        check_tables(schema, before.tables, tables)
        counts, changed = _changed(source, schema, before)
        looked = time.monotonic()
        again = tuple(table for table in tables if table.name in changed)
        copied: dict[str, int] = {}
        if again:
            with target.transaction():
                pin(target, schema)
                for table in again:
                    target.execute(_of_table(_EMPTY, schema, table.name))
                copied = _copy(source, target, schema, again)
        if wrong := [name for name, rows in copied.items() if rows != counts[name]]:
            raise CopyFailed(f"as many rows did not arrive as left in {', '.join(wrong)}")
        if compared:
            compare(source, target, schema, again)
    return Round(
        tables,
        horizon,
        counts,
        copied=tuple(copied),
        rows=sum(copied.values()),
        seconds={"look": looked - began, "copy": time.monotonic() - looked},
    )


def compare(
    source: Connection, target: Connection, schema: str, tables: Collection[TableShape]
) -> str:
    """A digest of what both hold, table by table.

    Transaction: the source's is open and pinned; the target's is, or is opened here.

    Raises:
        CopyFailed: they hold different rows; with the tables.
    """
    names = [table.name for table in tables]
    # Both servers at once: each works for itself.
    with target.transaction(), ThreadPoolExecutor(1, thread_name_prefix="comparer") as aside:
        pin(target, schema)
        asked = [aside.submit(content_hash, source, schema, table) for table in tables]
        there = [content_hash(target, schema, table) for table in tables]
        here = [each.result() for each in asked]
    if wrong := [name for name, one, other in zip(names, here, there, strict=True) if one != other]:
        raise CopyFailed(f"the copies differ in {', '.join(wrong)}")
    text = "\n".join(f"{name} {found}" for name, found in sorted(zip(names, here, strict=True)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _horizon(source: Connection) -> str:
    row = source.execute(_HORIZON).fetchone()
    assert row is not None, "a SELECT without FROM has one row"
    return str(row[0])


def _changed(
    source: Connection, schema: str, before: Round
) -> tuple[dict[str, int], frozenset[str]]:
    """How many rows each table has, and the names of those that do not hold what they held."""
    if not before.tables:
        return {}, frozenset()
    asked = sql.SQL(" UNION ALL ").join(
        sql.SQL(_LOOK).format(
            name=sql.Literal(table.name),
            horizon=sql.Literal(before.horizon),
            table=sql.Identifier(schema, table.name),
        )
        for table in before.tables
    )
    found = source.execute(asked).fetchall()
    counts = {name: rows for name, rows, _ in found}
    changed = {name for name, rows, younger in found if younger or rows != before.counts[name]}
    return counts, frozenset(changed)


def _copy(
    source: Connection, target: Connection, schema: str, tables: Iterable[TableShape]
) -> dict[str, int]:
    return {
        table.name: copy_in(target, schema, table, copy_out(source, schema, table))
        for table in tables
    }


def read_tables(connection: Connection, schema: str) -> tuple[TableShape, ...]:
    """The tables of `schema`, comparable with those of another server.

    Transaction: one, of its own, or the caller's, which is pinned by this.
    """
    with connection.transaction():
        pin(connection, schema)
        return tables_of(connection, schema)


def check_tables(
    schema: str, wanted: Collection[TableShape], found: Collection[TableShape]
) -> None:
    """Make sure that both name the same tables with the same columns.

    Raises:
        FenceIncomplete: they do not.
    """
    if wrong := differing(wanted, found):
        raise FenceIncomplete(schema, wrong)


def differing(wanted: Collection[TableShape], found: Collection[TableShape]) -> list[str]:
    """Names of the tables that only one has, or that are not alike.

    Alike are those with the same columns of the same types; in which order does not matter.
    """
    here = {table.name: table for table in wanted}
    there = {table.name: table for table in found}
    return sorted(
        name
        for name in here.keys() | there.keys()
        if _columns(here.get(name)) != _columns(there.get(name))
    )


def _columns(table: TableShape | None) -> set[tuple[str, str]] | None:
    return None if table is None else set(zip(table.columns, table.types, strict=True))


def _truncate(target: Connection, schema: str, tables: Collection[TableShape]) -> None:
    if tables:
        listed = sql.SQL(", ").join(sql.Identifier(schema, table.name) for table in tables)
        target.execute(sql.SQL(_TRUNCATE).format(tables=listed))


def analyze(target: Connection, schema: str, tables: Collection[TableShape]) -> None:
    """Let the target's planner know what the tables hold."""
    for some in _in_fifties([table.name for table in tables]):
        listed = sql.SQL(", ").join(sql.Identifier(schema, name) for name in some)
        target.execute(sql.SQL(_ANALYZE).format(tables=listed))


def _in_fifties(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), _TABLES_PER_STATEMENT):
        yield names[start : start + _TABLES_PER_STATEMENT]


def _of_table(statement: LiteralString, schema: str, table: str) -> sql.Composed:
    return sql.SQL(statement).format(table=sql.Identifier(schema, table))
