"""Snapshots of the reference tables, as they are taken and kept in control."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import connections, transaction
from psycopg import sql

from sharding.placements.models import CONTROL, ReferenceSnapshot
from sharding.schemas.services.reference_shape import Table, read_shape
from sharding.schemas.services.reference_snapshot import Snapshot, SnapshotTable

KEPT: Final = 20
"""Snapshots that are kept; shards get the newest only."""

# Of two who take one at a time the second waits, so that a later version has later rows.
_TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtext('atoll.reference_snapshot'))"
_OWN_SCHEMA = "SELECT current_schema()"

# One statement for all tables, and so one moment.
_ROWS = "SELECT {name}, ({rows})"
_ROWS_OF_ONE = """
    SELECT coalesce(json_agg(row_to_json(line) ORDER BY {key}), '[]')::text
    FROM (SELECT {columns} FROM {table}) AS line
"""


@dataclass(frozen=True, slots=True)
class TableChange:
    """What is different in one table since the snapshot before.

    Attributes:
        rows: as they are now.
        altered: columns or keys are others, or the table is new or gone.
    """

    name: str
    rows: int
    added: int
    changed: int
    removed: int
    altered: bool


def newest_snapshot() -> Snapshot | None:
    """The newest that was taken; None before the first."""
    row = ReferenceSnapshot.objects.using(CONTROL).order_by("-version").first()
    if row is None:
        return None
    tables = tuple(SnapshotTable(Table.from_json(part), part["rows"]) for part in row.body)
    return Snapshot(row.version, row.digest, tables)


def take_snapshot(*, above: int = 0) -> Snapshot | None:
    """The newest snapshot, made now if control's reference tables are others than in the last.

    None as long as there never was a reference table. Its number is greater than `above`.

    Transaction: opens one on control, or joins it.
    Locks: one among those who take snapshots, until the end of the transaction.
    """
    with transaction.atomic(using=CONTROL):
        with connections[CONTROL].cursor() as cursor:
            cursor.execute(_TAKE_TURNS)
        found = look()
        newest = newest_snapshot()
        digest = digest_of(found)
        if newest is None and not found:
            return None
        if newest is not None and newest.digest == digest and newest.version > above:
            return newest
        version = max(newest.version if newest is not None else 0, above) + 1
        body = [{**part.table.to_json(), "rows": part.rows} for part in found]
        ReferenceSnapshot.objects.using(CONTROL).create(version=version, digest=digest, body=body)
        outdated = ReferenceSnapshot.objects.using(CONTROL).filter(version__lte=version - KEPT)
        outdated.delete()
    return Snapshot(version, digest, found)


def newest_mark() -> tuple[int, str]:
    """Number and digest of the newest snapshot; 0 before the first."""
    rows = ReferenceSnapshot.objects.using(CONTROL).order_by("-version")
    return rows.values_list("version", "digest").first() or (0, "")


def look() -> tuple[SnapshotTable, ...]:
    """Control's reference tables as they are now.

    By the catalogue and not by models, so that old and new code that run side by side during a
    deploy take the same for it.
    """
    with connections[CONTROL].cursor() as cursor:

        def run(query: str, words: Mapping[str, Any]) -> Any:
            cursor.execute(query, words)
            return cursor.fetchall()

        cursor.execute(_OWN_SCHEMA)
        shape = read_shape(run, cursor.fetchone()[0])
        if not shape:
            return ()
        cursor.execute(sql.SQL(" UNION ALL ").join(map(_reading, shape)))
        rows = dict(cursor.fetchall())
    return tuple(SnapshotTable(table, rows[table.name]) for table in shape)


def _reading(table: Table) -> sql.Composed:
    rows = sql.SQL(_ROWS_OF_ONE).format(
        key=sql.SQL(", ").join(sql.Identifier("line", part) for part in table.primary_key),
        columns=sql.SQL(", ").join(sql.Identifier(column.name) for column in table.columns),
        table=sql.Identifier(table.name),
    )
    return sql.SQL(_ROWS).format(name=sql.Literal(table.name), rows=rows)


def digest_of(tables: tuple[SnapshotTable, ...]) -> str:
    """What is the same for equal shapes and rows."""
    parts = [[part.table.to_json(), part.rows] for part in tables]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def changes_since(
    before: Snapshot | None, found: tuple[SnapshotTable, ...]
) -> tuple[TableChange, ...]:
    """What is different in `found`; tables that are the same are left out."""
    had = {part.table.name: part for part in (before.tables if before is not None else ())}
    has = {part.table.name: part for part in found}
    return tuple(
        change
        for name in sorted({*had, *has})
        if (change := _change(name, had.get(name), has.get(name))) is not None
    )


def _change(
    name: str, before: SnapshotTable | None, after: SnapshotTable | None
) -> TableChange | None:
    if before == after:
        return None
    old, new = _by_key(before), _by_key(after)
    return TableChange(
        name=name,
        rows=len(new),
        added=len(new.keys() - old.keys()),
        changed=sum(old[key] != row for key, row in new.items() if key in old),
        removed=len(old.keys() - new.keys()),
        altered=before is None or after is None or before.table != after.table,
    )


def _by_key(part: SnapshotTable | None) -> dict[tuple[Any, ...], Any]:
    if part is None:
        return {}
    key = part.table.primary_key
    return {tuple(row[name] for name in key): row for row in json.loads(part.rows)}
