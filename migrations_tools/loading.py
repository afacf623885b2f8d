"""One migration graph per process, and a recorder that asks the catalogue one question."""

import copy
import threading
from functools import cache

from django.apps import apps
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

_HAS_TABLE = "SELECT to_regclass(format('%%I.%%I', current_schema(), %s::text)) IS NOT NULL"

_reading = threading.Lock()


class Recorder(MigrationRecorder):
    """Knows by one catalogue look-up whether its table is there.

    Django lists all tables that it can see, which takes longer the more tenants a shard has, and
    would take a table of a shared schema for this one's.
    """

    _has_table: bool  # Django's own; its stubs do not know it

    def has_table(self) -> bool:
        """Whether this schema has a migrations table."""
        if not self._has_table:
            with self.connection.cursor() as cursor:
                cursor.execute(_HAS_TABLE, [self.Migration._meta.db_table])
                self._has_table = bool(cursor.fetchone()[0])
        return bool(self._has_table)


def load(connection: BaseDatabaseWrapper) -> MigrationLoader:
    """The graph of all migrations on disk, and which of them this database has.

    The graph is read once per process. Where squashed migrations are about, it depends on what is
    applied, and is built anew.
    """
    loader = copy.copy(_graph())
    if loader.replacements:
        return MigrationLoader(connection)
    loader.connection = connection
    # The stubs take the recorder's rows for migrations.
    loader.applied_migrations = Recorder(connection).applied_migrations()  # type: ignore[assignment]
    return loader


def migrated_apps() -> frozenset[str]:
    """The labels of apps that have migrations."""
    return frozenset(_graph().migrated_apps)


def _graph() -> MigrationLoader:
    installed = tuple(config.name for config in apps.get_app_configs())
    modules = tuple(sorted(settings.MIGRATION_MODULES.items()))
    with _reading:
        return _from_disk(installed, modules)


@cache
def _from_disk(
    installed: tuple[str, ...], modules: tuple[tuple[str, str | None], ...]
) -> MigrationLoader:
    return MigrationLoader(None)
