"""Which content types and permissions of one schema have other ids than control has for them."""

from typing import Final

from psycopg import sql

from sharding.schemas.connections import Connection
from sharding.schemas.renumbering import wrong
from sharding.schemas.services.global_ids import (
    LOCAL_FROM,
    PERMISSIONS,
    TRIGGER,
    TYPES,
    IdTable,
)
from sharding.schemas.services.renumber import held_permissions, held_types
from sharding.schemas.services.tables import has_table

_TRIGGER: Final = """
    SELECT EXISTS (
        SELECT FROM pg_trigger
        WHERE tgrelid = to_regclass(format('%%I.%%I', %s::text, %s::text))
          AND tgname = %s AND tgenabled <> 'D'
    )
"""
_SEQUENCE: Final = """
    SELECT n.nspname, c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = pg_get_serial_sequence(format('%%I.%%I', %s::text, %s::text), 'id')::regclass
"""
_COUNTS_FROM: Final = "SELECT last_value FROM {sequence}"


def wrong_ids(connection: Connection, schema: str) -> tuple[str, ...]:
    """One sentence for each id that is not as control has it, and for what keeps new ones wrong.

    A local id of a name that control does not know is right.

    Transaction: none needed; an owner connection.

    Raises:
        GlobalIdsUnknown: the shard's reference tables do not have the ids.
    """
    found: list[str] = []
    if has_table(connection, schema, TYPES.name):
        found += wrong(held_types(connection, schema), "content type")
        found += _unready(connection, schema, TYPES)
    if has_table(connection, schema, PERMISSIONS.name):
        found += wrong(held_permissions(connection, schema), "permission")
        found += _unready(connection, schema, PERMISSIONS)
    return tuple(found)


def _unready(connection: Connection, schema: str, table: IdTable) -> list[str]:
    found = []
    row = connection.execute(_TRIGGER, (schema, table.name, TRIGGER)).fetchone()
    if not (row and row[0]):
        found.append(f"{table.name} has no trigger that gives new {table.noun} their ids")
    sequence = connection.execute(_SEQUENCE, (schema, table.name)).fetchone()
    if sequence is not None:
        query = sql.SQL(_COUNTS_FROM).format(sequence=sql.Identifier(*sequence))
        counts = connection.execute(query).fetchone()
        if counts is not None and counts[0] < LOCAL_FROM:
            found.append(f"the sequence of {table.name} counts below the local range")
    return found
