"""What the catalogue says of single schemas and tables."""

from typing import Final

from sharding.schemas.connections import Connection

_HAS: Final = "SELECT to_regclass(format('%%I.%%I', %s::text, %s::text)) IS NOT NULL"

_HAS_SCHEMA: Final = "SELECT to_regnamespace(quote_ident(%(schema)s)) IS NOT NULL"


def has_schema(connection: Connection, schema: str) -> bool:
    """Whether there is one of this name, whoever made it."""
    row = connection.execute(_HAS_SCHEMA, {"schema": schema}).fetchone()
    return bool(row and row[0])


def has_table(connection: Connection, schema: str, table: str) -> bool:
    """Whether the schema has a table, a view or a sequence of this name. None is locked."""
    row = connection.execute(_HAS, (schema, table)).fetchone()
    return bool(row and row[0])
