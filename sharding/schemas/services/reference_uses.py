"""Which tenants' rows refer to a row of a reference table, on one shard."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Final

from psycopg import sql

from sharding.registry.types import Server
from sharding.schemas import names
from sharding.schemas.connections import Patience, own_connection
from sharding.schemas.services.reference_shape import qualified

_TABLES_PER_STATEMENT: Final = 100

# Django's foreign keys have one column.
_CHILDREN = """
    SELECT n.nspname, c.relname, mine.attname, theirs.attname
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute mine ON mine.attrelid = k.conrelid AND mine.attnum = k.conkey[1]
    JOIN pg_attribute theirs ON theirs.attrelid = k.confrelid AND theirs.attnum = k.confkey[1]
    WHERE k.contype = 'f'
      AND k.confrelid = to_regclass(format('%%I.%%I', %(schema)s::text, %(table)s::text))
    ORDER BY 1, 2, 3
"""
_COUNT = """
    SELECT {schema}::text, {child}::text, {column}::text, count(*)
    FROM {table} WHERE {mine} = (SELECT {theirs} FROM {parent} WHERE {key} = {value})
    HAVING count(*) > 0
"""


@dataclass(frozen=True, slots=True)
class Use:
    """Rows of one tenant's table that refer to the row."""

    shard: str
    schema: str
    table: str
    column: str
    rows: int


def find_uses(server: Server, table: str, *, key: str, value: str) -> tuple[Use, ...]:
    """The tenants' rows on this shard that refer to the row of `table` whose `key` is `value`.

    Looks into every table that may refer to it, without locks; whoever comes after the look is
    met by the foreign key.

    Raises:
        ServerUnreachable: nobody can say.
    """
    patience = Patience(statement=timedelta(seconds=60))
    with own_connection(server, patience) as connection:
        children = iter(
            connection.execute(_CHILDREN, {"schema": names.REFERENCE, "table": table}).fetchall()
        )
        found: list[Use] = []
        while some := list(islice(children, _TABLES_PER_STATEMENT)):
            counting = sql.SQL(" UNION ALL ").join(_counting(some, table, key, value))
            found += [Use(server.name, *row) for row in connection.execute(counting)]
    return tuple(found)


def _counting(
    children: list[tuple[str, str, str, str]], table: str, key: str, value: str
) -> Iterator[sql.Composed]:
    for schema, child, mine, theirs in children:
        yield sql.SQL(_COUNT).format(
            schema=sql.Literal(schema),
            child=sql.Literal(child),
            column=sql.Literal(mine),
            table=sql.Identifier(schema, child),
            mine=sql.Identifier(mine),
            theirs=sql.Identifier(theirs),
            parent=qualified(table),
            key=sql.Identifier(key),
            value=sql.Literal(value),
        )
