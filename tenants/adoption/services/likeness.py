"""Bring an adopted schema's structure as near to the code's as names go, and say what is left."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from psycopg import sql

from sharding.schemas.connections import Connection
from sharding.schemas.services.fingerprint import Part, differences, structure

_RENAME_CONSTRAINT: Final = "ALTER TABLE {table} RENAME CONSTRAINT {before} TO {after}"
_RENAME_INDEX: Final = "ALTER INDEX {index} RENAME TO {after}"

# Both with the schema's name left out, as the fingerprint prints them.
_CONSTRAINTS: Final = """
    SELECT c.relname, con.conname,
           replace(pg_get_constraintdef(con.oid), %(prefix)s, '')
    FROM pg_constraint con JOIN pg_class c ON c.oid = con.conrelid
    WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s))
      AND con.contype IN ('c', 'f', 'p', 'u', 'x') AND con.conparentid = 0
"""
_INDEXES: Final = """
    SELECT t.relname, i.relname,
           replace(replace(pg_get_indexdef(x.indexrelid), %(prefix)s, ''),
                   'INDEX ' || quote_ident(i.relname), 'INDEX')
    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
    WHERE t.relnamespace = to_regnamespace(quote_ident(%(schema)s))
      AND NOT EXISTS (
          SELECT FROM pg_constraint WHERE conindid = x.indexrelid AND contype IN ('p', 'u', 'x')
      )
"""
_PRINT_ALL: Final = "SET LOCAL search_path TO pg_catalog"


@dataclass(frozen=True, slots=True)
class _Named:
    table: str
    name: str
    definition: str


def take_names(connection: Connection, schema: str, model: str) -> int:
    """Give constraints and indexes of `schema` the names that those of schema `model` have.

    Only where exactly one of a table is defined so at both ends, and no other has the name.

    Transaction: the caller's.
    Locks: ACCESS EXCLUSIVE on each table that has a constraint of another name.
    """
    connection.execute(_PRINT_ALL)
    count = 0
    for query, statement in ((_CONSTRAINTS, _RENAME_CONSTRAINT), (_INDEXES, _RENAME_INDEX)):
        mine, theirs = _read(connection, query, schema), _read(connection, query, model)
        for one, name in renames(mine, theirs):
            connection.execute(
                sql.SQL(statement).format(
                    table=sql.Identifier(schema, one.table),
                    index=sql.Identifier(schema, one.name),
                    before=sql.Identifier(one.name),
                    after=sql.Identifier(name),
                )
            )
            count += 1
    return count


def renames(mine: Iterable[_Named], theirs: Iterable[_Named]) -> list[tuple[_Named, str]]:
    """Which of mine get which names. Pure."""
    mine = list(mine)
    taken = {(one.table, one.name) for one in mine}
    wanted, have = _by_definition(theirs), _by_definition(mine)
    found = []
    for key, (one, *others) in have.items():
        names = wanted.get(key, [])
        if others or len(names) != 1:
            continue
        name = names[0].name
        if name != one.name and (one.table, name) not in taken:
            found.append((one, name))
    return found


def how_it_differs(connection: Connection, schema: str, wanted: Sequence[Part]) -> tuple[str, ...]:
    """A sentence for each part of the structure that is not as in `wanted`."""
    return differences(wanted, structure(connection, schema))


def _by_definition(parts: Iterable[_Named]) -> dict[tuple[str, str], list[_Named]]:
    grouped: defaultdict[tuple[str, str], list[_Named]] = defaultdict(list)
    for part in parts:
        grouped[part.table, part.definition].append(part)
    return dict(grouped)


def _read(connection: Connection, query: str, schema: str) -> list[_Named]:
    facts = {"schema": schema, "prefix": f"{schema}."}
    return [_Named(*row) for row in connection.execute(query, facts)]
