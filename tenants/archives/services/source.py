"""A tenant that is being copied: seen at one moment, its shape held, while it goes on working."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from django.apps import apps
from django.db import models
from psycopg import sql

from migrations_tools.states import State, state_of
from sharding import scope
from sharding.placements.services.dead_holders import free_of_the_dead
from sharding.placements.services.keeping import kept
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import get_placement
from sharding.placements.states import PlacementState
from sharding.registry import current as addresses
from sharding.schemas.connections import Connection, Patience, own_connection
from sharding.schemas.services.fingerprint import Part, structure
from sharding.schemas.services.markers import read_marker
from sharding.schemas.services.transfer import (
    TableShape,
    in_the_way,
    references_in,
    snapshot,
    tables_of,
)
from sharding.schemas.types import Phase
from tenants.archives.errors import CannotArchive
from tenants.archives.folders import folder_of
from tenants.archives.left_behind import Choice, left_behind, unknown_labels
from tenants.archives.manifest import LeftBehind
from tenants.errors import WrongTenantState
from tenants.models import Tenant
from tenants.states import TenantState

LONG: Final = Patience(statement=timedelta(hours=12), lock=timedelta(seconds=5))
"""A table takes as long as it takes; nobody waits for it."""

_MIGRATIONS = "SELECT app, name FROM {table} ORDER BY app, name"
_MIGRATIONS_TABLE: Final = "django_migrations"
_COUNT = "SELECT count(*) FROM {table}"
_NAMES_OF_FILES = "SELECT DISTINCT {column} FROM {table} WHERE {column} <> ''"


@dataclass(frozen=True, slots=True)
class Source:
    """A tenant's data at one moment.

    Attributes:
        connection: in the snapshot's transaction.
        tables: whose rows travel.
        choices: the tables whose rows do not, of those that are there.
        migrations: the rows of its django_migrations.
        folder: where its files are; they stand outside of the snapshot.
    """

    tenant: Tenant
    placement: scope.Placement
    connection: Connection
    tables: tuple[TableShape, ...]
    choices: tuple[Choice, ...]
    migrations: tuple[tuple[str, str], ...]
    parts: tuple[Part, ...]
    folder: Path

    @property
    def state(self) -> State:
        """Which migrations it has, as far as this code knows them."""
        return state_of(self.migrations)

    @property
    def major(self) -> int:
        """Of PostgreSQL."""
        return self.connection.info.server_version // 10000

    def left_behind(self) -> tuple[LeftBehind, ...]:
        """What stays, with the number of rows at this moment."""
        return tuple(
            LeftBehind(one.table, self._one(_COUNT, table=self._table(one.table)), one.why)
            for one in self.choices
        )

    def missing_files(self) -> tuple[str, ...]:
        """Files that rows of this moment refer to and that are not there now."""
        there = {table.name: set(table.columns) for table in self.tables}
        return tuple(
            name
            for model in apps.get_models()
            for field in model._meta.local_fields
            if isinstance(field, models.FileField)
            and field.column
            and field.column in there.get(model._meta.db_table, ())
            for (name,) in self._rows(
                _NAMES_OF_FILES,
                table=self._table(model._meta.db_table),
                column=sql.Identifier(field.column),
            )
            if not (self.folder / name).is_file()
        )

    def _table(self, name: str) -> sql.Identifier:
        return sql.Identifier(self.placement.schema, name)

    def _one(self, query: Any, **parts: sql.Composable) -> Any:
        (row,) = self._rows(query, **parts)
        return row[0]

    def _rows(self, query: Any, **parts: sql.Composable) -> Iterator[Any]:
        # Streamed: there may be as many files as rows.
        with self.connection.cursor() as cursor:
            yield from cursor.stream(sql.SQL(query).format(**parts))


@contextmanager
def opened(tenant: Tenant, purpose: str) -> Iterator[Source]:
    """See the tenant's data as it is now, for the length of a block; it goes on working meanwhile.

    Nobody migrates, moves or deletes it until the block ends. The shard keeps old row versions for
    as long: after a block of hours, its tables are larger.

    Locks: the tenant's lease; ACCESS SHARE on tables that are read.
    Transaction: one on the shard, read-only, on a connection of its own.

    Raises:
        WrongTenantState: it is half made, or its place is not ready.
        LeaseHeld: somebody changes it just now.
        CannotArchive: it holds what a copy would not restore exactly.
        ServerUnreachable: its shard is away.
    """
    if tenant.state == TenantState.PROVISIONING:
        raise WrongTenantState(tenant.slug, found=tenant.state, wanted="copied")
    with free_of_the_dead(lease(tenant.id, purpose)) as held, kept(held):
        row = get_placement(tenant.id)
        if row.state != PlacementState.READY:
            raise WrongTenantState(tenant.slug, found=row.state, wanted="copied")
        placement = row.to_scope()
        folder = folder_of(placement, tenant.slug)
        with (
            own_connection(addresses.shard(placement.shard), LONG) as connection,
            snapshot(connection, placement.schema),
        ):
            yield _look(tenant, placement, connection, folder)


def _look(
    tenant: Tenant, placement: scope.Placement, connection: Connection, folder: Path
) -> Source:
    schema = placement.schema
    choices = left_behind()
    tables = tables_of(connection, schema)
    reasons = [
        *_about_marker(connection, schema),
        *in_the_way(connection, schema),
        *_about_choices(connection, schema, choices),
    ]
    if reasons:
        raise CannotArchive(tenant.slug, reasons)
    there = {table.name for table in tables}
    stay = {one.table for one in choices}
    found = connection.execute(
        sql.SQL(_MIGRATIONS).format(table=sql.Identifier(schema, _MIGRATIONS_TABLE))
    )
    return Source(
        tenant=tenant,
        placement=placement,
        connection=connection,
        tables=tuple(table for table in tables if table.name not in stay),
        choices=tuple(one for one in choices if one.table in there),
        migrations=tuple((app, name) for app, name in found),
        parts=structure(connection, schema),
        folder=folder,
    )


def _about_marker(connection: Connection, schema: str) -> Iterator[str]:
    marker = read_marker(connection, schema)
    if marker is None or marker.phase not in (Phase.ACTIVE, Phase.FENCED):
        phase = "missing" if marker is None else marker.phase
        yield f"its schema is {phase} on the shard; `manage.py check_drift` says why"
    elif marker.unfinished is not None:
        yield f"the migration {marker.unfinished} was cut off in it; finish that first"


def _about_choices(
    connection: Connection, schema: str, choices: tuple[Choice, ...]
) -> Iterator[str]:
    for label in unknown_labels():
        yield f"ATOLL_LEFT_BEHIND names {label!r}, which no installed app has"
    stay = {one.table: one.label for one in choices}
    for child, parent in references_in(connection, schema):
        if parent in stay and child not in stay:
            yield (
                f"rows of {child} refer to rows of {parent}, which stay behind: name the model of "
                f"{child} in ATOLL_LEFT_BEHIND too, or {stay[parent]} no longer"
            )
