"""Snapshots of the reference tables: taken in control, brought to every shard."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import psycopg
from django.db import connections, transaction
from psycopg import sql

from sharding.placements.errors import NoSuchShard
from sharding.placements.models import CONTROL, ReferenceSnapshot, Shard
from sharding.placements.states import ShardState
from sharding.registry.current import registry
from sharding.registry.types import Server
from sharding.schemas.errors import SchemaError, ServerUnreachable
from sharding.schemas.services.reference_shape import Table, read_shape
from sharding.schemas.services.reference_snapshot import (
    Application,
    AppliedSnapshot,
    Snapshot,
    SnapshotTable,
    apply_snapshot,
    read_applied,
)

KEPT: Final = 20
"""Snapshots that are kept; shards get the newest only."""

_AT_ONCE: Final = 20

# Of two who take one at a time the second waits, so that a later version has later rows.
_TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtext('atoll.reference_snapshot'))"
NO_ADDRESS: Final = "it has no address in this machine's registry"
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


@dataclass(frozen=True, slots=True)
class ShardOutcome:
    """One shard and the snapshot that it has.

    Attributes:
        before, after: versions; None where the shard did not say.
        problem: why it does not have the newest; empty when all is well.
        code: of the error behind it, where there is one.
    """

    shard: str
    before: int | None
    after: int | None
    written: int = 0
    deleted: int = 0
    problem: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing does, or would do: the same object for both.

    Attributes:
        version: of the newest snapshot; 0 where there are no reference tables.
        is_new: control's rows had changed, so a snapshot was taken (or would be).
        changes: since the snapshot before; empty when it is not new.
    """

    version: int
    is_new: bool
    changes: tuple[TableChange, ...]
    shards: tuple[ShardOutcome, ...]

    @property
    def problems(self) -> tuple[ShardOutcome, ...]:
        """The shards that do not have the newest snapshot."""
        return tuple(outcome for outcome in self.shards if outcome.problem)


def publish_reference(*, shards: Iterable[str] = (), dry_run: bool = False) -> Publication:
    """Bring control's reference tables, as they are now, to all shards or to those named.

    A shard that is away is reported; it gets what is newest by the next publishing, and a tenant's
    schema is never built on it without.

    Transaction: one on control, one per shard; forbids an open one on control.
    Idempotent: what has not changed gets no new version, and a shard that has it is left alone.

    Raises:
        NoSuchShard: nothing was changed.
    """
    wanted = servers_of(shards)
    before = newest_snapshot()
    if dry_run:
        found = _look()
        is_new = bool(found) if before is None else _digest(found) != before.digest
        version = before.version if before is not None else 0
        changes = _changes(before, found) if is_new else ()
        return Publication(version, is_new, changes, reference_status(shards))
    taken = take_snapshot()
    if taken is None:
        return Publication(0, is_new=False, changes=(), shards=())
    is_new = before is None or before.version < taken.version
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        outcomes = tuple(
            pool.map(lambda name, server: _bring(name, server, taken), wanted, wanted.values())
        )
    changes = _changes(before, taken.tables) if is_new else ()
    return Publication(taken.version, is_new, changes, outcomes)


def bring_newest(server: Server) -> Application | None:
    """Bring control's reference tables, as they are now, to one shard; None if there are none.

    For whoever is about to make tables there that refer to them.

    Raises:
        SchemaError: as apply_snapshot does; nothing was changed on the shard.
    """
    taken = take_snapshot()
    return apply_snapshot(server, taken) if taken is not None else None


def lags(server: Server) -> bool:
    """Whether the shard has other reference tables than control, or cannot say."""
    found = _look()
    if not found:
        return False
    try:
        return read_applied(server).digest != _digest(found)
    except SchemaError:
        return True


def reference_status(shards: Iterable[str] = ()) -> tuple[ShardOutcome, ...]:
    """Which version each shard has, all asked at once, and what is wrong with those that lag.

    Raises:
        NoSuchShard: one of the names is no shard's.
    """
    wanted = servers_of(shards)
    newest = newest_snapshot()
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        answers = list(pool.map(_ask, wanted.values()))
    return tuple(_judge(name, answer, newest) for name, answer in zip(wanted, answers, strict=True))


def newest_snapshot() -> Snapshot | None:
    """The newest that was taken; None before the first."""
    row = ReferenceSnapshot.objects.using(CONTROL).order_by("-version").first()
    if row is None:
        return None
    tables = tuple(SnapshotTable(Table.from_json(part), part["rows"]) for part in row.body)
    return Snapshot(row.version, row.digest, tables)


def take_snapshot() -> Snapshot | None:
    """The newest snapshot, made now if control's reference tables are others than in the last.

    None as long as there never was a reference table.

    Transaction: opens one on control, or joins it.
    Locks: one among those who take snapshots, until the end of the transaction.
    """
    with transaction.atomic(using=CONTROL):
        with connections[CONTROL].cursor() as cursor:
            cursor.execute(_TAKE_TURNS)
        found = _look()
        newest = newest_snapshot()
        digest = _digest(found)
        if newest is None and not found:
            return None
        if newest is not None and newest.digest == digest:
            return newest
        body = [{**part.table.to_json(), "rows": part.rows} for part in found]
        made = ReferenceSnapshot.objects.using(CONTROL).create(digest=digest, body=body)
        outdated = ReferenceSnapshot.objects.using(CONTROL).filter(version__lte=made.version - KEPT)
        outdated.delete()
    return Snapshot(made.version, digest, found)


def _look() -> tuple[SnapshotTable, ...]:
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


def _digest(tables: tuple[SnapshotTable, ...]) -> str:
    parts = [[part.table.to_json(), part.rows] for part in tables]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _changes(before: Snapshot | None, found: tuple[SnapshotTable, ...]) -> tuple[TableChange, ...]:
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


def problem_of(error: Exception) -> str:
    """Why a shard did not do as asked, on one line that stands after its name."""
    if isinstance(error, ServerUnreachable):
        return f"away: {error.reason}"
    return " ".join(str(error).split())


def servers_of(shards: Iterable[str]) -> dict[str, Server | None]:
    """Those that can have tenants; a shard that is being prepared gets the newest at its end."""
    rows = Shard.objects.using(CONTROL).exclude(state=ShardState.PREPARING).order_by("name")
    known = list(rows.values_list("name", flat=True))
    wanted = set(shards) or set(known)
    if unknown := wanted - set(known):
        raise NoSuchShard(sorted(unknown), known=known)
    addresses = registry().shards
    return {name: addresses.get(name) for name in known if name in wanted}


def _bring(name: str, server: Server | None, snapshot: Snapshot) -> ShardOutcome:
    if server is None:
        return ShardOutcome(name, None, None, problem=NO_ADDRESS)
    try:
        done = apply_snapshot(server, snapshot)
    except (SchemaError, psycopg.Error) as error:
        code = getattr(error, "code", "")
        return ShardOutcome(name, None, None, problem=problem_of(error), code=code)
    return ShardOutcome(name, done.before, done.after, done.written, done.deleted)


def _ask(server: Server | None) -> AppliedSnapshot | str:
    if server is None:
        return NO_ADDRESS
    try:
        return read_applied(server)
    except SchemaError as error:
        return problem_of(error)


def _judge(name: str, answer: AppliedSnapshot | str, newest: Snapshot | None) -> ShardOutcome:
    if isinstance(answer, str):
        return ShardOutcome(name, None, None, problem=answer)
    wanted = newest.version if newest is not None else 0
    lags = answer.version < wanted
    problem = f"it has snapshot {answer.version} of {wanted}" if lags else ""
    return ShardOutcome(name, answer.version, answer.version, problem=problem)
