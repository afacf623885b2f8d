"""Take one schema over migrations that must run in it themselves: Django's executor."""

from collections.abc import Callable, Collection
from typing import Any

from django.db import connections
from django.db.migrations.migration import Migration

from migrations_tools.errors import HalfApplied, SchemaClosed
from migrations_tools.execution import Note, Tell, silent
from migrations_tools.loading import Node, rows_of
from migrations_tools.replay.message import adding
from migrations_tools.replay.rehearsal import mark_of
from migrations_tools.replay.shared import SharedExecutor
from migrations_tools.replay.types import Gained, Mark
from migrations_tools.states import state_of
from migrations_tools.turns import alone
from sharding import scope
from sharding.backend.session_bound import session_bound
from sharding.schemas.connections import Connection
from sharding.schemas.errors import SchemaMissing
from sharding.schemas.services.furnish import furnish
from sharding.schemas.services.global_ids import install
from sharding.schemas.services.markers import read_marker, set_state, set_unfinished
from sharding.schemas.types import Phase


def run_by_executor(
    placement: scope.Placement,
    nodes: Collection[Node] | None,
    *,
    note: Note | None = None,
    tell: Tell = silent,
    gained: Gained | None = None,
) -> Mark:
    """Apply what is pending of `nodes` (None: all of it), and return what the schema is then.

    What Django works out of the migrations is kept for the next schema of the same state. Each
    migration's transaction writes down the new state, without a fingerprint; the last one's is
    measured. `note` hears of migrations without a transaction, as the schema's own row does.

    post_migrate is sent when nothing is pending any more, unless `gained` says which rows its
    handlers would add.

    Locks: the caller holds the tenant's lease; besides, as `turns.alone`.
    Transaction: one per migration; forbids an open one on that shard.
    Idempotent: safe to run again after a crash at any point.

    Raises:
        SchemaBusy, SchemaClosed, SchemaMissing: it is not to be migrated now.
        HalfApplied: a migration without a transaction was cut off in it.
        django.db.Error: what a migration failed with; those before it stay.
    """
    schema = placement.schema

    def furnished(execute: Callable[..., Any]) -> None:
        furnish(execute, schema)
        install(execute, schema)

    with session_bound(placement, on_schema_change=furnished):
        connection = connections[placement.shard]
        connection.ensure_connection()
        raw: Connection = connection.connection
        with alone(raw, schema):
            _refuse_unfit(raw, schema)
            marks = _Marks(raw, schema, note)
            executor = SharedExecutor(
                connection, note=marks.note, tell=tell, on_recorded=marks.recorded
            )
            marks.begin_at(executor.loader.rows)
            pending = executor.pending()
            plan = [
                (one, back)
                for one, back in pending
                if nodes is None or (one.app_label, one.name) in nodes
            ]
            if plan:
                executor.apply(plan)
            if len(plan) == len(pending) and gained is None:
                executor.finish(plan)
            with raw.transaction():
                for statement in adding(schema, gained or Gained()):
                    raw.execute(statement)
                furnished(raw.execute)
                return marks.measured()


class _Marks:
    """Keeps the schema's row in step with what the executor does."""

    def __init__(self, raw: Connection, schema: str, note: Note | None) -> None:
        self._raw = raw
        self._schema = schema
        self._note = note
        self._rows: set[Node] = set()

    def begin_at(self, rows: Collection[Node]) -> None:
        """What it has already."""
        self._rows = set(rows)

    def note(self, what: str | None) -> None:
        """A migration without a transaction begins, or is through."""
        if what is not None:
            set_unfinished(self._raw, self._schema, what)
        if self._note is not None:
            self._note(what)

    def recorded(self, migration: Migration) -> None:
        """Write down the state that it has now; its structure nobody has measured."""
        self._rows.update(rows_of((migration.app_label, migration.name)))
        digest = state_of(self._rows).digest
        set_state(self._raw, self._schema, digest=digest, fingerprint=None, major=None)

    def measured(self) -> Mark:
        """Write down, and return, what the schema is."""
        mark = mark_of(self._raw, self._schema)
        major = self._raw.info.server_version // 10_000
        set_state(
            self._raw, self._schema, digest=mark.digest, fingerprint=mark.fingerprint, major=major
        )
        return mark


def _refuse_unfit(raw: Connection, schema: str) -> None:
    marker = read_marker(raw, schema)
    if marker is None:
        raise SchemaMissing(raw.info.dbname, schema)
    if marker.phase is not Phase.ACTIVE:
        raise SchemaClosed(schema, marker.phase)
    if marker.unfinished is not None:
        raise HalfApplied(schema, marker.unfinished)
