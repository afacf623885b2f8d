"""Run what is pending in a template, for real, and write down how other schemas get there."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, TypeVar

from django.db.migrations.migration import Migration
from django.db.migrations.state import ProjectState
from psycopg import sql

from migrations_tools.execution import Executor, Plan, Tell, silent
from migrations_tools.loading import Node
from migrations_tools.replay.errors import RecordingFailed
from migrations_tools.replay.rule import RULE, Part, editor_statements, why_not_replayable
from migrations_tools.replay.types import Gained, Mark, Recording, Seen, Segment, Sender, Step
from migrations_tools.replay.watch import Watch, watching
from migrations_tools.states import state_of
from sharding.schemas.connections import Connection
from sharding.schemas.services.fingerprint import fingerprint
from sharding.schemas.services.global_ids import TRIGGER
from sharding.schemas.services.tables import has_table

_MIGRATIONS: Final = "SELECT app, name FROM {schema}.django_migrations ORDER BY id"
_TYPES: Final = "SELECT app_label, model FROM {schema}.django_content_type ORDER BY id"
_PERMISSIONS: Final = """
    SELECT t.app_label, t.model, p.codename, p.name
    FROM {schema}.auth_permission p JOIN {schema}.django_content_type t ON t.id = p.content_type_id
    ORDER BY p.id
"""

# What furniture looks at: tables, views and sequences, and the triggers of global ids.
_FURNISHED: Final = """
    SELECT objid FROM pg_depend JOIN pg_class c ON c.oid = objid
    WHERE refclassid = 'pg_namespace'::regclass AND classid = 'pg_class'::regclass
      AND refobjid = quote_ident(%(schema)s)::regnamespace
      AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
    UNION ALL
    SELECT oid FROM pg_trigger
    WHERE tgname = %(trigger)s AND tgrelid IN (
        to_regclass(format('%%I.django_content_type', %(schema)s::text)),
        to_regclass(format('%%I.auth_permission', %(schema)s::text))
    )
"""

_OF_SIGNALS: Final = ('INSERT INTO "django_content_type"', 'INSERT INTO "auth_permission"')
_LOOKS: Final = ("SELECT", "SAVEPOINT", "RELEASE SAVEPOINT")


Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class _Look:
    """What a template is between two migrations."""

    schema: str
    mark: Mark
    rows: tuple[Node, ...]
    furnished: frozenset[int]


@dataclass(frozen=True, slots=True)
class _Taken:
    """One step with what the template was before and after."""

    step: Step
    before: _Look
    after: _Look


class _Rehearsal(Executor):
    """An executor that is watched."""

    def __init__(
        self, connection: Any, watch: Watch, start: _Look, rule: tuple[Part, ...], tell: Tell
    ) -> None:
        super().__init__(connection, note=_no_notes, tell=tell)
        self._watch = watch
        self._schema = start.schema
        self._rule = rule
        self._before = ""
        self.taken: list[_Taken] = []
        self.now = start

    def apply_migration(
        self,
        state: ProjectState,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        """Apply one migration, and judge it by what it sent."""
        self._watch.take()
        try:
            state = super().apply_migration(state, migration, fake, fake_initial)
        except Exception as error:
            raise RecordingFailed(f"{migration.app_label}.{migration.name}", str(error)) from error
        before, self.now = self.now, _look(self.connection.connection, self._schema)
        step = self._judged(migration, self._watch.take())
        self.taken.append(_Taken(step, before, self.now))
        return state

    def begin(self, plan: Plan, state: ProjectState) -> None:
        """Send pre_migrate; what its handlers change is changed where the executor sends it too."""
        with self._watch.sending(Sender.SIGNAL):
            super().begin(plan, state)
        if _changes_something(self._watch.take()):
            self._before = "handlers of pre_migrate change something before it"

    def finish(self, plan: Plan, state: ProjectState | None = None) -> None:
        """Send post_migrate, as a signal's."""
        self._watch.take()
        with self._watch.sending(Sender.SIGNAL):
            super().finish(plan, state)

    def _judged(self, migration: Migration, seen: Seen) -> Step:
        first = not self.taken
        why_not = why_not_replayable(migration, seen, self._rule) or (first and self._before) or ""
        statements = tuple(editor_statements(seen))
        if not why_not and any(self._schema in statement for statement in statements):
            why_not = "its SQL names the schema that it runs in"
        return Step((migration.app_label, migration.name), not why_not, why_not, statements)

    def _record(self, migration: Migration) -> None:
        with self._watch.sending(Sender.RECORDER):
            super()._record(migration)


def rehearse(
    connection: Any,
    schema: str,
    *,
    start: Mark | None = None,
    rule: tuple[Part, ...] = RULE,
    tell: Tell = silent,
) -> Recording:
    """Bring a template to the state of the code and return how others get there.

    `connection` is Django's, session-bound to the template, which is at its start; `start` is its
    mark where the caller has just measured it. `rule` is less than all of it where a test shows
    what each part is for.

    Transaction: one per migration; forbids an open one.

    Raises:
        RecordingFailed: a migration failed; the template is of no use any more.
    """
    raw: Connection = connection.connection
    with watching(connection) as watch:
        begun = _look(raw, schema, start)
        executor = _Rehearsal(connection, watch, begun, rule, tell)
        types, permissions = _names(raw, schema)
        executor.run(executor.pending())
        of_handlers = watch.take()
    end = _look(raw, schema)
    # Told by what they sent, and where nobody heard of it, by what is there now.
    signals = (
        _changes_something(of_handlers) or end.mark.fingerprint != executor.now.mark.fingerprint
    )
    types_now, permissions_now = _names(raw, schema)
    last = Gained(
        migrations=_added(executor.now.rows, end.rows),
        types=_added(types, types_now),
        permissions=_added(permissions, permissions_now),
    )
    return Recording(
        major=raw.info.server_version // 10_000,
        start=begun.mark,
        end=end.mark,
        segments=tuple(_segments(executor.taken, last, end.mark, signals)),
        marks={one.step.node: one.after.mark for one in executor.taken},
    )


def _segments(taken: list[_Taken], last: Gained, end: Mark, signals: bool) -> Iterator[Segment]:
    """Neighbours of one kind together; what post_migrate made goes with the last ones.

    With `signals` they are sent in each schema instead.
    """
    kinds = [list(ones) for _, ones in groupby(taken, key=lambda one: one.step.replayable)]
    for ones in kinds:
        before, after = ones[0].before, ones[-1].after
        gained = Gained(migrations=_added(before.rows, after.rows))
        is_last = ones is kinds[-1]
        if is_last:
            gained = Gained(gained.migrations + last.migrations, last.types, last.permissions)
        yield Segment(
            steps=tuple(one.step for one in ones),
            replayable=ones[0].step.replayable,
            before=before.mark,
            after=end if is_last and not signals else after.mark,
            gained=gained,
            relations=bool(after.furnished - before.furnished),
        )
    if kinds and signals:
        yield Segment((), False, kinds[-1][-1].after.mark, end, gained=None)


def _changes_something(seen: Seen) -> bool:
    """Whether handlers of signals did more than look and add content types and permissions."""
    return any(
        statement.sender is Sender.EDITOR
        or not statement.sql.lstrip().startswith(_LOOKS + _OF_SIGNALS)
        for statement in seen.statements
        if statement.sender in (Sender.SIGNAL, Sender.EDITOR, Sender.OTHER)
    )


def mark_of(raw: Connection, schema: str) -> Mark:
    """What a schema is now, measured.

    Transaction: any, or none.
    """
    return _mark(raw, schema, _rows(raw, schema, "django_migrations", _MIGRATIONS))


def _mark(raw: Connection, schema: str, rows: list[Node]) -> Mark:
    return Mark(state_of(rows).digest, fingerprint(raw, schema))


def _look(raw: Connection, schema: str, mark: Mark | None = None) -> _Look:
    rows = _rows(raw, schema, "django_migrations", _MIGRATIONS)
    furnished = raw.execute(_FURNISHED, {"schema": schema, "trigger": TRIGGER})
    return _Look(
        schema=schema,
        mark=mark or _mark(raw, schema, rows),
        rows=tuple(rows),
        furnished=frozenset(oid for (oid,) in furnished),
    )


def _names(
    raw: Connection, schema: str
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str, str, str], ...]]:
    types = _rows(raw, schema, "django_content_type", _TYPES)
    return tuple(types), tuple(_rows(raw, schema, "auth_permission", _PERMISSIONS))


def _rows(raw: Connection, schema: str, table: str, query: str) -> list[Any]:
    if not has_table(raw, schema, table):
        return []
    return raw.execute(sql.SQL(query).format(schema=sql.Identifier(schema))).fetchall()


def _added(before: tuple[Row, ...], after: tuple[Row, ...]) -> tuple[Row, ...]:
    """In the order in which they came."""
    known = set(before)
    return tuple(row for row in after if row not in known)


def _no_notes(what: str | None) -> None:
    """A template that is cut off is dropped; nobody goes on with it."""
