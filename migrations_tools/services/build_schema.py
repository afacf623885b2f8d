"""Bring one tenant's schema to the state of the code, from nothing or from wherever it is."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import psycopg
from django.db import connections

from migrations_tools.errors import HalfApplied, SchemaBusy, SchemaClosed
from migrations_tools.execution import Executor, Tell, silent
from migrations_tools.images.models import Image
from migrations_tools.images.services.find_image import body_of, find_wanted_image, why_none
from migrations_tools.states import state_of
from migrations_tools.turns import WAIT_FOR_OTHERS, alone
from sharding import scope
from sharding.backend.session_bound import forbid_open_transaction, session_bound
from sharding.placements.services.reference import bring_newest
from sharding.registry import current as addresses
from sharding.registry.types import Server
from sharding.schemas.connections import Connection, Patience, own_connection
from sharding.schemas.errors import SchemaMissing
from sharding.schemas.services.create_schema import create_schema, open_schema
from sharding.schemas.services.drop_schema import drop_schema
from sharding.schemas.services.fingerprint import fingerprint
from sharding.schemas.services.furnish import Execute, furnish
from sharding.schemas.services.global_ids import install
from sharding.schemas.services.image_replay import UNFINISHED, create_from_image
from sharding.schemas.services.markers import read_marker, set_state, set_unfinished
from sharding.schemas.services.spares import take_spare
from sharding.schemas.types import Marker, Phase

_logger: Final = logging.getLogger("atoll.images")

# Many tenants may be made at once, and images take turns when they fill the lock table.
_PATIENCE: Final = Patience(statement=timedelta(seconds=60), lock=timedelta(seconds=30))


@dataclass(frozen=True, slots=True)
class Build:
    """What building a schema did.

    Attributes:
        migrations: applied now, in order, as `app.name`.
        created: the schema was made now.
        digest: names the migrations that it has.
        from_image: nothing was migrated; an image of these migrations was replayed.
        spare: it had been replayed before, and was only opened.
    """

    schema: str
    created: bool
    migrations: tuple[str, ...]
    digest: str
    from_image: bool = False
    spare: bool = False


def build_schema(
    placement: scope.Placement, *, tell: Tell = silent, with_reference: bool = True
) -> Build:
    """Create the schema if there is none, apply what is pending, furnish, and open it.

    A new schema is made from the image of the code's migrations, in one message, unless there is a
    spare of this image under its name, which is opened. Where there is no image, a warning is
    logged with the cause and Django's migrations are run: every one is applied, furnished and
    recorded in one transaction, and the schema stays closed to its tenant until all is done.

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
    forbid_open_transaction(placement)
    server = addresses.shard(placement.shard)
    with own_connection(server, _PATIENCE) as connection:
        if with_reference:
            bring_newest(server, through=connection)
        made = _from_image(connection, server, placement, tell)
    return made or _by_migrations(server, placement, tell)


def _from_image(
    connection: Connection, server: Server, placement: scope.Placement, tell: Tell
) -> Build | None:
    """Make a schema that nobody has begun; None where there is one, or no image of it.

    A spare of this image is taken. What a killed process left of an image, and a spare of another,
    is closed and marked, and made anew.
    """
    schema = placement.schema
    if not _is_to_make(read_marker(connection, schema)):
        return None
    with alone(connection, schema):
        marker = read_marker(connection, schema)
        if not _is_to_make(marker):
            return None
        image = _image_for(connection, schema)
        if image is None:
            return None
        spare = marker is not None and _taken(image, connection, placement, tell)
        if not spare:
            if marker is not None:
                drop_schema(server, schema)
            tell(f"replaying the image of {len(image.nodes)} migrations")
            if not _made_of(image, connection, server, placement):
                return None
    return Build(schema, True, tuple(image.nodes), image.digest, from_image=True, spare=spare)


def _taken(image: Image, connection: Connection, placement: scope.Placement, tell: Tell) -> bool:
    if not take_spare(connection, placement.schema, body_of(image), epoch=placement.epoch):
        return False
    tell("taking a spare schema")
    return True


def _is_to_make(marker: Marker | None) -> bool:
    """Whether there is nothing, or a spare, or what is left of an image."""
    if marker is None or marker.spare:
        return True
    return marker.phase is Phase.INCOMING and marker.unfinished == UNFINISHED


def _image_for(connection: Connection, schema: str) -> Image | None:
    major = connection.info.server_version // 10000
    image = find_wanted_image(major)
    if image is None:
        _warn(schema, why_none(major))
    return image


def _made_of(
    image: Image, connection: Connection, server: Server, placement: scope.Placement
) -> bool:
    schema = placement.schema
    try:
        return create_from_image(connection, server, schema, body_of(image), epoch=placement.epoch)
    except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as error:
        raise SchemaBusy(schema) from error
    except psycopg.DatabaseError as error:
        if connection.closed:
            raise
        _warn(schema, f"replaying it failed: {error}")
        return False


def _warn(schema: str, why: str) -> None:
    _logger.warning(
        "Schema %s is built by Django's migrations, which takes longer, because it has no image: "
        "%s.",
        schema,
        " ".join(why.split()).rstrip("."),
    )


def _by_migrations(server: Server, placement: scope.Placement, tell: Tell) -> Build:
    schema = placement.schema
    created = create_schema(server, schema)

    def complete(execute: Execute) -> None:
        furnish(execute, schema)
        install(execute, schema)

    with session_bound(placement, on_schema_change=complete):
        connection = connections[placement.shard]
        connection.ensure_connection()
        raw: Connection = connection.connection
        with alone(raw, schema, wait=WAIT_FOR_OTHERS):
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
            digest = state_of(executor.recorder.applied_migrations()).digest
            with raw.transaction():
                complete(raw.execute)
                _set_state(raw, schema, digest, measure=bool(plan))
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


def _set_state(raw: Connection, schema: str, digest: str, *, measure: bool) -> None:
    """The state that it is in now; its structure is measured where it may have changed."""
    marker = read_marker(raw, schema)
    known = None if marker is None or measure else marker.fingerprint
    set_state(
        raw,
        schema,
        digest=digest,
        fingerprint=known or fingerprint(raw, schema),
        major=raw.info.server_version // 10000,
    )
