"""What the catalogue says of single tables."""

from typing import Final

from sharding.schemas.connections import Connection

_HAS: Final = "SELECT to_regclass(format('%%I.%%I', %s::text, %s::text)) IS NOT NULL"


def has_table(connection: Connection, schema: str, table: str) -> bool:
    """Whether the schema has a table, a view or a sequence of this name. None is locked."""
    row = connection.execute(_HAS, (schema, table)).fetchone()
    return bool(row and row[0])
