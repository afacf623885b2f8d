"""Bring one tenant's schema to the state of the code, from nothing or from wherever it is."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db import connections

from migrations_tools.errors import HalfApplied, SchemaBusy, SchemaClosed
from migrations_tools.execution import Executor, Tell, silent
from sharding import scope
from sharding.backend.session_bound import session_bound
from sharding.placements.services.reference import bring_newest
from sharding.registry import current as addresses
from sharding.schemas.connections import Connection
from sharding.schemas.errors import SchemaMissing
from sharding.schemas.services.create_schema import create_schema, open_schema
from sharding.schemas.services.drop_schema import drop_schema
from sharding.schemas.services.furnish import Execute, furnish
from sharding.schemas.services.global_ids import install
from sharding.schemas.services.markers import read_marker, set_state, set_unfinished
from sharding.schemas.types import Marker, Phase

# Taken on the session: a migration without a transaction could hold none. When a builder is killed,
# its session ends within seconds. Tried again and again instead of waited for:
# whoever waits holds a snapshot, and CREATE INDEX CONCURRENTLY waits for all snapshots.
_TRY_ALONE = "SELECT pg_try_advisory_lock(hashtext('atoll.build_schema'), hashtext(%s))"
# The session of a builder that was killed in a long statement would else live on as long as that.
_END_WITH_CLIENT = "SELECT pg_catalog.set_config('client_connection_check_interval', '1s', false)"
_NOT_ALONE = "SELECT pg_advisory_unlock(hashtext('atoll.build_schema'), hashtext(%s))"

WAIT_FOR_OTHERS = timedelta(seconds=15)
_BETWEEN_TRIES = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class Build:
    """What building a schema did.

    Attributes:
        migrations: applied now, in order, as `app.name`.
        created: the schema was made now.
        digest: names the migrations that it has.
    """

    schema: str
    created: bool
    migrations: tuple[str, ...]
    digest: str


def build_schema(
    placement: scope.Placement, *, tell: Tell = silent, with_reference: bool = True
) -> Build:
    """Create the schema if there is none, apply what is pending, furnish, and open it.

    Every migration is applied, furnished and recorded in one transaction. A schema that is being
    built stays closed to its tenant until all is done.

    The shard gets control's reference tables first, since migrations may refer to them; without
    `with_reference` the caller has seen to that.

    Locks: the caller holds the tenant's lease; besides, builders of one schema take turns by an
        advisory lock of the session.
    Transaction: one per migration; forbids an open one.
    Idempotent: safe to run again after a crash at any point; the end is the same.

    Raises:
        SchemaBusy: another builder did not end in time.
        SchemaClosed: the schema is fenced, sealed or being dropped.
        HalfApplied: a non-atomic migration was cut off in a schema that serves its tenant.
        ReferenceBusy, ReferenceRowInUse, ReferenceUnprepared: of the reference tables.
        ServerUnreachable, ShardAway: run it again.
    """
    server = addresses.shard(placement.shard)
    schema = placement.schema
    if with_reference:
        bring_newest(server)
    created = create_schema(server, schema)

    def complete(execute: Execute) -> None:
        furnish(execute, schema)
        install(execute, schema)

    with session_bound(placement, on_schema_change=complete):
        connection = connections[placement.shard]
        connection.ensure_connection()
        raw: Connection = connection.connection
        raw.execute(_END_WITH_CLIENT)
        with _alone(raw, schema):
            marker = _fit(raw, schema)
            if marker.unfinished is not None:
                if marker.phase is not Phase.INCOMING:
                    raise HalfApplied(schema, marker.unfinished)
                # Nobody has seen it yet: begin anew rather than guess what is half there.
                drop_schema(server, schema)
                created = create_schema(server, schema)
            executor = Executor(
                connection, note=lambda what: set_unfinished(raw, schema, what), tell=tell
            )
            plan = executor.pending()
            executor.run(plan)
            digest = _digest(executor)
            with raw.transaction():
                complete(raw.execute)
                set_state(raw, schema, digest=digest, fingerprint=None, major=None)
                open_schema(raw, schema, epoch=placement.epoch, token=_fit(raw, schema).token)
    return Build(
        schema=schema,
        created=created,
        migrations=tuple(f"{migration.app_label}.{migration.name}" for migration, _ in plan),
        digest=digest,
    )


def _fit(raw: Connection, schema: str) -> Marker:
    marker = read_marker(raw, schema)
    if marker is None:
        raise SchemaMissing(raw.info.dbname, schema)
    if marker.phase not in (Phase.INCOMING, Phase.ACTIVE):
        raise SchemaClosed(schema, marker.phase)
    return marker


@contextmanager
def _alone(raw: Connection, schema: str) -> Iterator[None]:
    gives_up_at = time.monotonic() + WAIT_FOR_OTHERS.total_seconds()
    while not _tried(raw, schema):
        if time.monotonic() >= gives_up_at:
            raise SchemaBusy(schema)
        time.sleep(_BETWEEN_TRIES.total_seconds())
    try:
        yield
    finally:
        if not raw.closed:
            raw.execute(_NOT_ALONE, (schema,))


def _tried(raw: Connection, schema: str) -> bool:
    row = raw.execute(_TRY_ALONE, (schema,)).fetchone()
    return bool(row and row[0])


def _digest(executor: Executor) -> str:
    applied = sorted(f"{app}.{name}" for app, name in executor.recorder.applied_migrations())
    return hashlib.sha256("\n".join(applied).encode()).hexdigest()[:32]
