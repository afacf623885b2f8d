"""Move one schema's content types and permissions to the ids that control has for them.

For schemas that are older than global ids, that came from elsewhere, or that have local ids whose
names are known by now.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql

from sharding.schemas import names
from sharding.schemas.connections import Connection
from sharding.schemas.errors import GlobalIdsUnknown
from sharding.schemas.renumbering import Held, Move, Moves, plan_moves
from sharding.schemas.services.global_ids import (
    LOCAL_FROM,
    PERMISSIONS,
    TRIGGER,
    TYPES,
    IdTable,
    install,
)
from sharding.schemas.services.tables import has_table

_TYPES: Final = """
    SELECT held.id, known.content_type_id, held.app_label || '.' || held.model
    FROM {types} AS held
    LEFT JOIN {known} AS known ON known.name = held.app_label || '.' || held.model
"""
_PERMISSIONS: Final = """
    SELECT held.id, held.content_type_id, held.codename,
           type.app_label || '.' || type.model || ' ' || held.codename
    FROM {permissions} AS held JOIN {types} AS type ON type.id = held.content_type_id
"""
_KNOWN_PERMISSIONS: Final = "SELECT name, permission_id FROM {known}"
_TYPE_BY_NAME: Final = "SELECT id FROM {types} WHERE app_label = %s AND model = %s"

# Writers wait until the end, readers go on.
_ALONE: Final = "LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"

# Members of partitioned tables are reached through their parents.
_REFERRERS: Final = """
    SELECT n.nspname, c.relname, mine.attname
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute mine ON mine.attrelid = k.conrelid AND mine.attnum = k.conkey[1]
    WHERE k.contype = 'f' AND k.conparentid = 0
      AND k.confrelid = to_regclass(format('%%I.%%I', %s::text, %s::text))
    ORDER BY 1, 2, 3
"""
_COLUMN: Final = """
    SELECT format_type(a.atttypid, NULL)
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.oid = to_regclass(format('%%I.%%I', %s::text, %s::text)) AND c.relkind IN ('r', 'p')
      AND a.attname = %s AND a.attnum > 0 AND NOT a.attisdropped
"""
_MOVE: Final = """
    UPDATE {table} AS holder SET {column} = move.new
    FROM unnest(%(old)s::bigint[], %(new)s::bigint[]) AS move (old, new)
    WHERE holder.{column} = move.old
"""
_MOVE_OBJECTS: Final = """
    UPDATE {table} AS holder SET {column} = move.new::text::{type}
    FROM unnest(%(old)s::bigint[], %(new)s::bigint[]) AS move (old, new)
    WHERE holder.{type_column} = %(of)s AND holder.{column}::text = move.old::text
"""
# Installing triggers checks what was deferred so far, and from then on at once.
_CHECK_LATER: Final = "SET CONSTRAINTS ALL DEFERRED"
# Django's keys are checked at the commit otherwise, where nobody says which table it was.
_CHECK_NOW: Final = "SET CONSTRAINTS ALL IMMEDIATE"
_NEXT: Final = "SELECT nextval(pg_get_serial_sequence(format('%%I.%%I', %s::text, %s::text), 'id'))"
# The triggers are part of the structure, which is another one from then on.
_FORGET_FINGERPRINT: Final = """
    UPDATE atoll.tenant_schema
    SET fingerprint = NULL, changed_at = clock_timestamp()
    WHERE schema = %(schema)s AND fingerprint IS NOT NULL
"""
_TRIGGERS: Final = """
    SELECT count(*) FROM pg_trigger
    WHERE tgname = %(trigger)s AND tgrelid IN (
        to_regclass(format('%%I.%%I', %(schema)s::text, %(types)s::text)),
        to_regclass(format('%%I.%%I', %(schema)s::text, %(permissions)s::text))
    )
"""
_OBJECT_TYPES: Final = frozenset(
    {"smallint", "integer", "bigint", "text", "character varying", "character"}
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column that holds ids of content types, or of permissions, whatever the catalogue says."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class GenericColumn:
    """A pair of columns that say which row of which content type is meant."""

    table: str
    type_column: str
    object_column: str


@dataclass(frozen=True, slots=True)
class Holders:
    """What holds ids besides the catalogue's foreign keys; what is not there is skipped."""

    types: tuple[Column, ...] = ()
    permissions: tuple[Column, ...] = ()
    generic: tuple[GenericColumn, ...] = ()


@dataclass(frozen=True, slots=True)
class Renumbering:
    """What renumbering a schema did.

    Attributes:
        content_types, permissions: how many got another id.
        rows: of other tables that followed.
        local: names that control does not know, which have local ids.
    """

    schema: str
    content_types: int
    permissions: int
    rows: int
    local: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """All ids were right before."""
        return not (self.content_types or self.permissions)


def renumber(connection: Connection, schema: str, holders: Holders) -> Renumbering:
    """Give what control knows the ids that it has there, and let all that refers to them follow.

    What control does not know leaves the stock range for a local id. From then on triggers give
    new rows their ids.

    Transaction: opens one, or joins the caller's; all of it or nothing.
    Locks: both tables against writers, and each row that changes, until the end.
    Idempotent: a schema whose ids are right is only looked at.

    Raises:
        GlobalIdsUnknown: the shard's reference tables do not have the ids; nothing was changed.
    """
    if not has_table(connection, schema, TYPES.name):
        return Renumbering(schema, 0, 0, 0, ())
    has_permissions = has_table(connection, schema, PERMISSIONS.name)
    tables = (TYPES, PERMISSIONS) if has_permissions else (TYPES,)
    with connection.transaction():
        for table in tables:
            connection.execute(sql.SQL(_ALONE).format(table=sql.Identifier(schema, table.name)))
        had = _triggers(connection, schema)
        install(connection.execute, schema)
        if _triggers(connection, schema) != had:
            connection.execute(_FORGET_FINGERPRINT, {"schema": schema})
        connection.execute(_CHECK_LATER)
        work = _Work(connection, schema, holders)
        types = plan_moves(held_types(connection, schema), work.fresh(TYPES))
        # By the ids that their types are going to have, before anything moves.
        held = held_permissions(connection, schema, types.final) if has_permissions else []
        permissions = plan_moves(held, work.fresh(PERMISSIONS))
        typed = (*holders.types, *(Column(one.table, one.type_column) for one in holders.generic))
        rows = work.move(TYPES, types, ("contenttypes", "contenttype"), typed)
        rows += work.move(PERMISSIONS, permissions, ("auth", "permission"), holders.permissions)
        connection.execute(_CHECK_NOW)
    unknown = [*held_types(connection, schema)]
    if has_permissions:
        unknown += held_permissions(connection, schema)
    return Renumbering(
        schema,
        types.count,
        permissions.count,
        rows,
        tuple(sorted(row.name for row in unknown if row.id >= LOCAL_FROM)),
    )


def held_types(connection: Connection, schema: str) -> list[Held]:
    """The content types of `schema`, with the ids that control has for them."""
    _check_known(connection)
    query = sql.SQL(_TYPES).format(
        types=sql.Identifier(schema, TYPES.name),
        known=sql.Identifier(names.REFERENCE, TYPES.known),
    )
    return [Held(*row) for row in connection.execute(query)]


def held_permissions(
    connection: Connection, schema: str, types: dict[int, int] | None = None
) -> list[Held]:
    """The permissions of `schema`, with the ids that control has for them.

    `types`: content types that are about to have other ids.
    """
    known_query = sql.SQL(_KNOWN_PERMISSIONS).format(
        known=sql.Identifier(names.REFERENCE, PERMISSIONS.known)
    )
    known: dict[str, int] = dict(connection.execute(known_query).fetchall())
    query = sql.SQL(_PERMISSIONS).format(
        permissions=sql.Identifier(schema, PERMISSIONS.name),
        types=sql.Identifier(schema, TYPES.name),
    )
    going = types or {}
    return [
        Held(id_, known.get(f"{going.get(type_id, type_id)}.{codename}"), name)
        for id_, type_id, codename, name in connection.execute(query)
    ]


class _Work:
    """Moves ids of one schema, within the caller's transaction."""

    def __init__(self, connection: Connection, schema: str, holders: Holders) -> None:
        self._connection = connection
        self._schema = schema
        self._holders = holders

    def fresh(self, table: IdTable) -> Callable[[], int]:
        """Makes local ids for rows of `table`."""

        def make() -> int:
            row = self._connection.execute(_NEXT, (self._schema, table.name)).fetchone()
            assert row is not None, "a SELECT without FROM has one row"
            return int(row[0])

        return make

    def move(
        self,
        table: IdTable,
        moves: Moves,
        own_name: tuple[str, str],
        further: Sequence[Column],
    ) -> int:
        """Take all steps, and return how many rows of other tables followed."""
        if not moves.steps:
            return 0
        columns = dict.fromkeys((*self._referrers(table), *self._existing(further)))
        generic = list(self._generic())
        followed = 0
        for step in moves.steps:
            of = self._type_id(own_name)
            # Parents first: whoever inserts a reference meanwhile waits for us, and is then told.
            self._update((self._schema, table.name, "id"), step)
            followed += sum(self._update_objects(one, kind, of, step) for one, kind in generic)
            followed += sum(self._update(column, step) for column in columns)
        return followed

    def _update(self, column: tuple[str, str, str], step: Sequence[Move]) -> int:
        schema, table, name = column
        statement = sql.SQL(_MOVE).format(
            table=sql.Identifier(schema, table), column=sql.Identifier(name)
        )
        return self._connection.execute(statement, _words(step)).rowcount

    def _update_objects(
        self, one: GenericColumn, kind: str, of: int | None, step: Sequence[Move]
    ) -> int:
        if of is None:
            return 0
        statement = sql.SQL(_MOVE_OBJECTS).format(
            table=sql.Identifier(self._schema, one.table),
            column=sql.Identifier(one.object_column),
            type_column=sql.Identifier(one.type_column),
            # As the catalogue writes it, and of the few that we know.
            type=sql.SQL(kind),
        )
        return self._connection.execute(statement, {**_words(step), "of": of}).rowcount

    def _referrers(self, table: IdTable) -> list[tuple[str, str, str]]:
        found = self._connection.execute(_REFERRERS, (self._schema, table.name)).fetchall()
        return [(schema, name, column) for schema, name, column in found]

    def _existing(self, columns: Sequence[Column]) -> Iterator[tuple[str, str, str]]:
        for one in columns:
            if self._type_of(one.table, one.column) is not None:
                yield self._schema, one.table, one.column

    def _generic(self) -> Iterator[tuple[GenericColumn, str]]:
        for one in self._holders.generic:
            kind = self._type_of(one.table, one.object_column)
            if kind in _OBJECT_TYPES and self._type_of(one.table, one.type_column) is not None:
                yield one, kind

    def _type_of(self, table: str, column: str) -> str | None:
        row = self._connection.execute(_COLUMN, (self._schema, table, column)).fetchone()
        return str(row[0]) if row else None

    def _type_id(self, name: tuple[str, str]) -> int | None:
        query = sql.SQL(_TYPE_BY_NAME).format(types=sql.Identifier(self._schema, TYPES.name))
        row = self._connection.execute(query, name).fetchone()
        return int(row[0]) if row else None


def _words(step: Sequence[Move]) -> dict[str, Any]:
    return {"old": [move.old for move in step], "new": [move.new for move in step]}


def _triggers(connection: Connection, schema: str) -> int:
    words = {
        "schema": schema,
        "types": TYPES.name,
        "permissions": PERMISSIONS.name,
        "trigger": TRIGGER,
    }
    row = connection.execute(_TRIGGERS, words).fetchone()
    return int(row[0]) if row else 0


def _check_known(connection: Connection) -> None:
    for table in (TYPES, PERMISSIONS):
        if not has_table(connection, names.REFERENCE, table.known):
            raise GlobalIdsUnknown(connection.info.dbname, table.known)
