"""The ids that one shard's reference tables say."""

from dataclasses import dataclass
from typing import Final

from psycopg import sql

from sharding.schemas import names
from sharding.schemas.connections import Connection
from sharding.schemas.services.global_ids import PERMISSIONS, TYPES, IdTable
from sharding.schemas.services.tables import has_table

_COLUMNS: Final = "SELECT name, {id} FROM {known}"


@dataclass(frozen=True, slots=True)
class KnownIds:
    """Ids by names, as the tables write them: `app.model`, and `content type's id.codename`."""

    types: dict[str, int]
    permissions: dict[str, int]


def read_known_ids(connection: Connection) -> KnownIds:
    """What the shard knows; nothing before its first snapshot with these tables.

    Transaction: none needed.
    """
    return KnownIds(_read(connection, TYPES), _read(connection, PERMISSIONS))


def _read(connection: Connection, table: IdTable) -> dict[str, int]:
    if not has_table(connection, names.REFERENCE, table.known):
        return {}
    query = sql.SQL(_COLUMNS).format(
        id=sql.Identifier(table.known_id), known=sql.Identifier(names.REFERENCE, table.known)
    )
    return dict(connection.execute(query).fetchall())
