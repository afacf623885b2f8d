"""What reference tables look like, and the DDL from one look to another. Planning is pure.

Columns, types, NOT NULL, primary and unique keys travel; defaults, checks, foreign keys among
reference tables and further indexes stay in control, where rows are written.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, LiteralString

from psycopg import sql

from sharding.schemas import names
from sharding.schemas.errors import ReferenceKeyChanged

PREFIX: Final = "ref_"
"""Reference tables, and no others, are called so: a tenant's table of the name would hide one."""

# Columns in the table's order, keys by name; the same question for control and for a shard.
_SHAPE = """
    SELECT c.relname,
           (SELECT json_agg(
                       json_build_array(
                           a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
                       ) ORDER BY a.attnum)
            FROM pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
           (SELECT json_agg(
                       json_build_array(
                           k.conname, k.contype = 'p',
                           (SELECT json_agg(a.attname ORDER BY place.n)
                            FROM unnest(k.conkey) WITH ORDINALITY AS place (num, n)
                            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = place.num)
                       ) ORDER BY k.conname)
            FROM pg_constraint k
            WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u'))
    FROM pg_class c
    WHERE c.relnamespace = to_regnamespace(%(schema)s)
      AND c.relkind = 'r' AND c.relname LIKE 'ref\\_%%'
    ORDER BY c.relname
"""

_CREATE = "CREATE TABLE {table} ({parts})"
_ADD_COLUMN = "ALTER TABLE {table} ADD COLUMN {column} {type}"
_SET_TYPE = "ALTER TABLE {table} ALTER COLUMN {column} TYPE {type} USING {column}::{type}"
_SET_NOT_NULL = "ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL"
_DROP_NOT_NULL = "ALTER TABLE {table} ALTER COLUMN {column} DROP NOT NULL"
_DROP_COLUMN = "ALTER TABLE {table} DROP COLUMN {column}"
_DROP_KEY = "ALTER TABLE {table} DROP CONSTRAINT {key}"
_ADD_KEY = "ALTER TABLE {table} ADD {key}"
_DROP_TABLE = "DROP TABLE {table}"

Execute = Callable[[str, Mapping[str, Any]], Any]
"""Runs a query with named parameters and returns its rows."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column; its type as PostgreSQL writes it."""

    name: str
    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class Key:
    """A primary or unique key."""

    name: str
    primary: bool
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A reference table without its rows."""

    name: str
    columns: tuple[Column, ...]
    keys: tuple[Key, ...]

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The columns of the primary key; none where it has no such key."""
        return next((key.columns for key in self.keys if key.primary), ())

    def to_json(self) -> dict[str, Any]:
        """Plain values, from which `from_json` makes the same table."""
        return {
            "name": self.name,
            "columns": [[one.name, one.type, one.required] for one in self.columns],
            "keys": [[one.name, one.primary, list(one.columns)] for one in self.keys],
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "Table":
        """What `to_json` gave, or a row of the catalogue's."""
        return cls(
            found["name"],
            tuple(Column(*one) for one in found["columns"] or ()),
            tuple(Key(name, main, tuple(parts)) for name, main, parts in found["keys"] or ()),
        )


@dataclass(frozen=True, slots=True)
class Changes:
    """DDL around the writing of rows: what they need goes before, what they must satisfy after."""

    before: tuple[sql.Composed, ...]
    after: tuple[sql.Composed, ...]


def read_shape(execute: Execute, schema: str) -> tuple[Table, ...]:
    """The reference tables of one schema, by name."""
    return tuple(
        Table.from_json({"name": name, "columns": columns, "keys": keys})
        for name, columns, keys in execute(_SHAPE, {"schema": schema})
    )


def plan_changes(have: tuple[Table, ...], want: tuple[Table, ...]) -> Changes:
    """From the tables that a shard has to those of a snapshot.

    Raises:
        ReferenceKeyChanged: a table that stays has another primary key.
    """
    there = {table.name: table for table in have}
    wanted = {table.name: table for table in want}
    before: list[sql.Composed] = []
    after: list[sql.Composed] = []
    for table in want:
        old = there.get(table.name)
        if old is None:
            before.append(_create(table))
            continue
        if old.primary_key != table.primary_key:
            raise ReferenceKeyChanged(table.name, before=old.primary_key, after=table.primary_key)
        before += _loosen(old, table)
        after += _tighten(old, table)
    after += [
        sql.SQL(_DROP_TABLE).format(table=qualified(name)) for name in there if name not in wanted
    ]
    return Changes(tuple(before), tuple(after))


def qualified(table: str) -> sql.Identifier:
    """The table's name with its schema on shards."""
    return sql.Identifier(names.REFERENCE, table)


def _create(table: Table) -> sql.Composed:
    columns = [
        sql.SQL("{} {}{}").format(
            sql.Identifier(one.name), _type(one), sql.SQL(" NOT NULL" if one.required else "")
        )
        for one in table.columns
    ]
    parts = sql.SQL(", ").join([*columns, *map(_key, table.keys)])
    return sql.SQL(_CREATE).format(table=qualified(table.name), parts=parts)


def _loosen(old: Table, new: Table) -> Iterator[sql.Composed]:
    had = {column.name: column for column in old.columns}
    for key in old.keys:
        if key not in new.keys and not key.primary:
            yield _on(_DROP_KEY, new, key=sql.Identifier(key.name))
    for column in new.columns:
        before = had.get(column.name)
        if before is None:
            yield _on(_ADD_COLUMN, new, column=sql.Identifier(column.name), type=_type(column))
            continue
        if before.type != column.type:
            yield _on(_SET_TYPE, new, column=sql.Identifier(column.name), type=_type(column))
        if before.required and not column.required:
            yield _on(_DROP_NOT_NULL, new, column=sql.Identifier(column.name))
    kept = {column.name for column in new.columns}
    for column in old.columns:
        # Its rows are written without it from now on.
        if column.name not in kept and column.required:
            yield _on(_DROP_NOT_NULL, new, column=sql.Identifier(column.name))


def _tighten(old: Table, new: Table) -> Iterator[sql.Composed]:
    required = {column.name for column in old.columns if column.required}
    kept = {column.name for column in new.columns}
    for column in new.columns:
        if column.required and column.name not in required:
            yield _on(_SET_NOT_NULL, new, column=sql.Identifier(column.name))
    for column in old.columns:
        if column.name not in kept:
            yield _on(_DROP_COLUMN, new, column=sql.Identifier(column.name))
    for key in new.keys:
        if key not in old.keys and not key.primary:
            yield _on(_ADD_KEY, new, key=_key(key))


def _on(statement: LiteralString, table: Table, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(statement).format(table=qualified(table.name), **parts)


def _key(key: Key) -> sql.Composed:
    return sql.SQL("CONSTRAINT {} {} ({})").format(
        sql.Identifier(key.name),
        sql.SQL("PRIMARY KEY" if key.primary else "UNIQUE"),
        sql.SQL(", ").join(map(sql.Identifier, key.columns)),
    )


def _type(column: Column) -> sql.SQL:
    # As the catalogue of control wrote it, and nobody else.
    return sql.SQL(column.type)
