"""Tenants to migrate, migrations to write, and what their schemas are afterwards."""

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connections, migrations
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.writer import MigrationWriter
from django.test import override_settings
from psycopg import sql

from migrations_tools.loading import Recorder
from migrations_tools.replay.executing import run_by_executor
from migrations_tools.replay.rehearsal import mark_of, rehearse
from migrations_tools.replay.replaying import replay_segment
from migrations_tools.replay.rule import RULE
from migrations_tools.replay.rule import Part as RulePart
from migrations_tools.replay.types import Mark, Recording
from sharding import scope
from sharding.backend.session_bound import session_bound
from sharding.placements.services.placing import create_placement
from sharding.placements.services.reserving import reserve_tenant_id
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services.create_schema import create_schema, open_schema
from sharding.schemas.services.fingerprint import Part, differences, structure
from sharding.schemas.services.furnish import furnish
from sharding.schemas.services.global_ids import install
from sharding.schemas.services.markers import set_state

LABEL = "made"
SHARD = "alpha"

_numbers = itertools.count()


def new_place() -> scope.Placement:
    """A tenant without a schema."""
    tenant_id = reserve_tenant_id(SHARD, used_by=f"replay{next(_numbers)}")
    return create_placement(tenant_id, SHARD).to_scope()


@contextmanager
def owner(place: scope.Placement) -> Iterator[Any]:
    """Django's connection as the owner of the tenant's schema, furnishing as the product does."""

    def furnished(execute: Callable[..., Any]) -> None:
        furnish(execute, place.schema)
        install(execute, place.schema)

    with session_bound(place, on_schema_change=furnished):
        connection = connections[place.shard]
        connection.ensure_connection()
        yield connection


@contextmanager
def own() -> Iterator[Any]:
    """The shard's owner, bound to no schema."""
    with own_connection(addresses.shard(SHARD)) as connection:
        yield connection


def make_empty(place: scope.Placement) -> None:
    """A schema that serves, with Django's table of migrations and nothing else."""
    create_schema(addresses.shard(place.shard), place.schema)
    with owner(place) as connection:
        Recorder(connection).ensure_schema()
        raw = connection.connection
        with raw.transaction():
            furnish(raw.execute, place.schema)
            open_schema(raw, place.schema, epoch=place.epoch, token=0)
    measure(place)


def measure(place: scope.Placement) -> Mark:
    """What the schema is; written down, as after every migration."""
    with own() as raw:
        mark = mark_of(raw, place.schema)
        set_state(
            raw,
            place.schema,
            digest=mark.digest,
            fingerprint=mark.fingerprint,
            major=raw.info.server_version // 10_000,
        )
    return mark


def shape(place: scope.Placement) -> tuple[Part, ...]:
    """All that the catalogue says."""
    with own() as raw:
        return structure(raw, place.schema)


def rows(place: scope.Placement, tables: Sequence[str]) -> dict[str, list[str]]:
    """The rows of these tables as text, in order; of tables that are not there, none."""
    found = {}
    with own() as raw:
        for table in tables:
            name = sql.Identifier(place.schema, table)
            there = raw.execute("SELECT to_regclass(%s)", (name.as_string(raw),)).fetchone()[0]
            if there:
                query = sql.SQL("SELECT t::text FROM {} t ORDER BY 1").format(name)
                found[table] = [row for (row,) in raw.execute(query)]
    return found


def rehearsed(place: scope.Placement, rule: tuple[RulePart, ...] = RULE) -> Recording:
    """What is pending, really run in this tenant's schema and recorded."""
    with owner(place) as connection:
        return rehearse(connection, place.schema, rule=rule)


def follow(place: scope.Placement, recording: Recording) -> None:
    """Take a schema over all segments, each in its own way."""
    for segment in recording.segments:
        if segment.replayable:
            with own() as raw:
                replay_segment(raw, place.schema, segment)
        else:
            run_by_executor(place, segment.nodes, gained=segment.gained)


def migrated_by_django(place: scope.Placement) -> None:
    """Stock Django's own executor, unchanged, on this schema."""
    with owner(place) as connection:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes(LABEL))


@dataclass(frozen=True)
class Trio:
    """Three schemas of one state: one is recorded in, one follows, one is Django's own."""

    template: scope.Placement
    replayed: scope.Placement
    django: scope.Placement
    tables: tuple[str, ...]

    @property
    def all(self) -> tuple[scope.Placement, ...]:
        """All three."""
        return self.template, self.replayed, self.django

    def execute(self, *statements: str, places: Sequence[scope.Placement] = ()) -> None:
        """The same SQL in each of them, or of these."""
        for place in places or self.all:
            with owner(place) as connection, connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)

    def measure(self) -> None:
        """Write down what they are, after something else than a migration."""
        for place in self.all:
            measure(place)

    def take(self, rule: tuple[RulePart, ...] = RULE) -> Recording:
        """Record, follow, and have Django do the same in the third."""
        recording = rehearsed(self.template, rule)
        follow(self.replayed, recording)
        migrated_by_django(self.django)
        assert measure(self.replayed).digest == recording.end.digest
        assert measure(self.django).digest == recording.end.digest
        return recording

    def assert_equal(self, tables: Sequence[str] = ()) -> None:
        """The one that followed is what Django made, structure and rows."""
        found = shape(self.replayed)
        assert differences(shape(self.django), found) == ()
        assert differences(shape(self.template), found) == ()
        assert rows(self.replayed, tables) == rows(self.django, tables)

    def forget(self) -> None:
        """Take away what the test's migrations made."""
        for place in self.all:
            with own() as raw:
                _forget(raw, place.schema, self.tables)
        self.measure()


_TABLES = """
    SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = quote_ident(%s)::regnamespace AND c.relkind IN ('r', 'p')
"""


def tables_of(place: scope.Placement) -> tuple[str, ...]:
    """The names of its tables."""
    with own() as raw:
        return tuple(sorted(name for (name,) in raw.execute(_TABLES, (place.schema,))))


def _forget(raw: Any, schema: str, kept: Sequence[str]) -> None:
    with raw.transaction():
        raw.execute(sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(schema)))
        found = [name for (name,) in raw.execute(_TABLES, (schema,))]
        for table in (name for name in found if name not in kept):
            raw.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier(table)))
        raw.execute("DELETE FROM django_migrations WHERE app = %s", (LABEL,))
        raw.execute(
            "DELETE FROM auth_permission WHERE content_type_id IN"
            " (SELECT id FROM django_content_type WHERE app_label = %s)",
            (LABEL,),
        )
        raw.execute("DELETE FROM django_content_type WHERE app_label = %s", (LABEL,))


def migration(name: str, operations: Sequence[Any], **attributes: Any) -> migrations.Migration:
    """A migration of the app, to be written."""
    body = {"operations": list(operations), "dependencies": [], **attributes}
    kind = type("Migration", (migrations.Migration,), body)
    return kind(name, LABEL)


@contextmanager
def written(folder: Path, *given: tuple[str, str | migrations.Migration]) -> Iterator[None]:
    """These on disk, one after the other, as the app's only migrations; objects, or their text."""
    package = f"migrations_{next(_numbers)}"
    (folder / package).mkdir()
    (folder / package / "__init__.py").write_text('"""Written by a test."""\n')
    before: list[tuple[str, str]] = []
    for name, one in given:
        if isinstance(one, migrations.Migration):
            one.dependencies = one.dependencies or list(before)
            text = MigrationWriter(one).as_string()
        else:
            text = one
        (folder / package / f"{name}.py").write_text(text)
        if not getattr(one, "replaces", ()):
            before = [(LABEL, name)]
    sys.path.insert(0, str(folder))
    try:
        with override_settings(MIGRATION_MODULES={LABEL: package}):
            yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            del sys.modules[name]
