"""One migration graph per process, and a recorder that asks the catalogue one question."""

import copy
import threading
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.recorder import MigrationRecorder

Node = tuple[str, str]
"""App label and name of a migration."""

Disk = tuple[tuple[str, ...], tuple[tuple[str, str | None], ...]]
"""What decides which migrations there are: the installed apps and MIGRATION_MODULES."""

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


class FedLoader(MigrationLoader):
    """The graph for given rows, of migrations that were read from disk before."""

    def __init__(self, rows: Iterable[Node], connection: BaseDatabaseWrapper | None = None) -> None:
        self._rows: dict[Node, Any] = dict.fromkeys(rows)
        super().__init__(None)
        self.connection = connection

    @property
    def rows(self) -> frozenset[Node]:
        """What it was fed with."""
        return frozenset(self._rows)

    @property
    def applied_migrations(self) -> dict[Node, Any]:
        """The rows that it was fed with, squashed migrations resolved."""
        return self._applied

    @applied_migrations.setter
    def applied_migrations(self, found: dict[Node, Any]) -> None:
        # Django says {} where it has no connection to ask, and None before it has looked.
        self._applied = dict(self._rows) if found == {} else found or {}

    def load_disk(self) -> None:
        """Take what this process has read before."""
        read = _graph()
        self.disk_migrations = dict(read.disk_migrations or {})
        self.unmigrated_apps = set(read.unmigrated_apps)
        self.migrated_apps = set(read.migrated_apps)

    def build_graph(self) -> None:
        """Django's, without asking the database."""
        connection, self.connection = self.connection, None
        try:
            super().build_graph()
        finally:
            self.connection = connection


def load(connection: BaseDatabaseWrapper) -> FedLoader:
    """The graph of all migrations on disk, and which of them this database has.

    Migrations are read from disk once per process, and put in order once per distinct set of
    rows. What is returned has migrations of its own: handlers of pre_migrate put operations into
    them.
    """
    rows = Recorder(connection).applied_migrations()
    loader = copy.copy(_in_order(frozenset(rows), disk()))
    loader.connection = connection
    loader.applied_migrations = dict(loader.applied_migrations)
    loader.graph = copy.copy(loader.graph)
    loader.graph.nodes = {node: _own(one) for node, one in loader.graph.nodes.items()}
    return loader


def migrated_apps() -> frozenset[str]:
    """The labels of apps that have migrations."""
    return frozenset(_graph().migrated_apps)


def unmigrated_apps() -> set[str]:
    """The labels of apps that have none, but may have models."""
    return set(_graph().unmigrated_apps)


def module_of(node: Node) -> str:
    """The module that a migration is in; empty where it is not on disk any more."""
    migration = (_graph().disk_migrations or {}).get(node)
    return "" if migration is None else type(migration).__module__


def rows_of(node: Node) -> Iterator[Node]:
    """The rows of django_migrations that say that `node` is applied: what it replaces, and it.

    Of a squashed migration the row of its own alone would count as not applied.
    """
    migration = (_graph().disk_migrations or {}).get(node)
    if migration is not None:
        for replaced in migration.replaces:
            yield from rows_of(replaced)
    yield node


def disk() -> Disk:
    """A key for what is kept about the migrations on disk; tests change the installed apps."""
    installed = tuple(config.name for config in apps.get_app_configs())
    return installed, tuple(sorted(settings.MIGRATION_MODULES.items()))


@lru_cache(maxsize=64)
def _in_order(rows: frozenset[Node], key: Disk) -> FedLoader:
    return FedLoader(rows)


def _graph() -> MigrationLoader:
    with _reading:
        return _from_disk(disk())


@cache
def _from_disk(key: Disk) -> MigrationLoader:
    return MigrationLoader(None)


def _own(migration: Migration) -> Migration:
    mine = copy.copy(migration)
    mine.operations = list(migration.operations)  # type: ignore[misc]
    return mine
