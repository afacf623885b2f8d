"""Django's executor, made safe to be cut off at any point, for the apps of one home."""

from collections.abc import Callable, Collection
from typing import Any

import django
from django.apps import apps
from django.db import router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration
from django.db.migrations.state import ProjectState
from django.db.models import signals
from django.dispatch import Signal

from migrations_tools.loading import FedLoader, Recorder, load, migrated_apps

Plan = list[tuple[Migration, bool]]
Target = tuple[str, str | None]
Note = Callable[[str | None], None]
Tell = Callable[[str], None]
OnRecorded = Callable[[Migration], None]


def silent(line: str) -> None:
    """Tell nobody."""


class Executor(MigrationExecutor):
    """Applies migrations so that each is either whole and recorded, or not there at all.

    Django records a migration after its transaction whenever SQL was deferred (foreign keys):
    killed in between, the next run meets tables that exist. Here the record is part of the
    transaction. A migration that cannot have one (`atomic = False`) is noted down before and
    after, by `note`, so that a half of it is seen. `on_recorded` is called with each migration
    that was recorded, in its transaction where it has one.
    """

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        *,
        note: Note,
        tell: Tell = silent,
        on_recorded: OnRecorded | None = None,
    ) -> None:
        # Not Django's own, which reads every migration from disk again.
        self.connection = connection
        self.loader: FedLoader = load(connection)
        self.recorder = Recorder(connection)
        self.progress_callback = None
        self._note = note
        self._tell = tell
        self._on_recorded = on_recorded

    def pending(self) -> Plan:
        """What brings this database to the state of the code."""
        labels = labels_of(self.connection.alias)
        leaves = [node for node in self.loader.graph.leaf_nodes() if node[0] in labels]
        return self.migration_plan(leaves)

    def run(self, plan: Plan, *, whole: bool = True) -> None:
        """Apply `plan`, with Django's signals for the apps of this home.

        post_migrate is sent even when nothing is pending: a run that was cut off before it left
        no content types and permissions behind. `whole` says that the plan ends at the state of
        the code, so that its handlers may see the code's own models.
        """
        state = self.apply(plan) if plan else None
        self.finish(plan, None if whole else state)

    def apply(self, plan: Plan) -> ProjectState:
        """Send pre_migrate and apply `plan`; the state that it ends at."""
        state = self.state()
        self.begin(plan, state)
        return self.migrate([], plan=plan, state=state.clone())

    def state(self) -> ProjectState:
        """What the migrations say that this database is now."""
        # Private, and so unknown to the stubs.
        made: ProjectState = self._create_project_state(  # type: ignore[attr-defined]
            with_applied_migrations=True
        )
        return made

    def begin(self, plan: Plan, state: ProjectState) -> None:
        """Send pre_migrate, whose handlers may put operations into the plan's migrations."""
        _send(signals.pre_migrate, self.connection.alias, apps=state.apps, plan=plan)

    def finish(self, plan: Plan, state: ProjectState | None = None) -> None:
        """Send post_migrate, whose handlers see the models of `state`, or else the code's own."""
        seen_by_handlers: Any = apps
        if state is not None:
            state.clear_delayed_apps_cache()
            seen_by_handlers = state.apps
        _send(signals.post_migrate, self.connection.alias, apps=seen_by_handlers, plan=plan)

    def apply_migration(
        self,
        state: ProjectState,
        migration: Migration,
        fake: bool = False,
        fake_initial: bool = False,
    ) -> ProjectState:
        """Apply and record one migration, in one transaction where it has one."""
        if fake:
            self._tell(f"{migration.app_label}.{migration.name}")
            self._record(migration)
            return state
        return self.whole(migration, lambda editor: migration.apply(state, editor))

    def whole(self, migration: Migration, run: Callable[[Any], ProjectState]) -> ProjectState:
        """Have `run` do with a schema editor what `migration` says; then record and mark it."""
        name = f"{migration.app_label}.{migration.name}"
        self._tell(name)
        if not migration.atomic:
            self._note(name)
        with self.connection.schema_editor(atomic=migration.atomic) as editor:
            state = run(editor)
            for statement in editor.deferred_sql:
                editor.execute(statement, None)
            editor.deferred_sql.clear()
            self._record(migration)
            if self._on_recorded is not None:
                self._on_recorded(migration)
        if not migration.atomic:
            self._note(None)
        return state

    def _record(self, migration: Migration) -> None:
        # Since Django 6 by its names, because replaced migrations may replace others.
        if django.VERSION >= (6,):
            self.record_migration(migration.app_label, migration.name)
        else:
            self.record_migration(migration)  # type: ignore[call-arg, arg-type]


def labels_of(alias: str) -> frozenset[str]:
    """The apps that have tables in this database, as the router decides.

    An app with neither models nor migrations has no home, and none is asked for.
    """
    migrated = migrated_apps()
    return frozenset(
        config.label
        for config in apps.get_app_configs()
        if (config.label in migrated and router.allow_migrate(alias, config.label))
        or any(router.allow_migrate_model(alias, model) for model in config.get_models())
    )


def _send(signal: Signal, alias: str, **facts: Any) -> None:
    labels: Collection[str] = labels_of(alias)
    for config in apps.get_app_configs():
        if config.models_module is not None and config.label in labels:
            signal.send(
                sender=config,
                app_config=config,
                verbosity=0,
                interactive=False,
                using=alias,
                **facts,
            )
