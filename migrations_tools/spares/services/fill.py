"""Keep as many spare schemas on a shard as settings say, of the image that the code wants."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import psycopg

from migrations_tools.execution import Tell, silent
from migrations_tools.spares.conf import spare_settings
from migrations_tools.spares.services.wanted import body_wanted
from migrations_tools.spares.types import SpareReport
from migrations_tools.turns import alone
from sharding.placements.errors import PlacementError
from sharding.placements.models import CONTROL, Placement, Shard
from sharding.placements.services import spares
from sharding.placements.services.choosing import why_not
from sharding.placements.services.reference import bring_newest
from sharding.pools.outages import in_one_line
from sharding.registry import current as addresses
from sharding.registry.types import Server
from sharding.schemas.connections import Connection, Patience, own_connection
from sharding.schemas.errors import ForeignSchema, SchemaError, ServerUnreachable
from sharding.schemas.services.drop_schema import drop_schema
from sharding.schemas.services.image_replay import UNFINISHED, ImageBody
from sharding.schemas.services.markers import read_marker, read_markers
from sharding.schemas.services.spares import is_whole, make_spare, spare_key
from sharding.schemas.types import Marker, Phase

BUSY: Final = "somebody else is making its spares"

_PATIENCE: Final = Patience(statement=timedelta(seconds=60), lock=timedelta(seconds=30))
_TRY: Final = "SELECT pg_try_advisory_lock(hashtext('atoll.spares'), 0)"
_LEAVE: Final = "SELECT pg_advisory_unlock(hashtext('atoll.spares'), 0)"


@dataclass(frozen=True, slots=True)
class _Shard:
    """A shard whose spares are ours as long as the connection lives."""

    server: Server
    connection: Connection
    body: ImageBody | None
    wanted: int
    why_none: str

    @property
    def name(self) -> str:
        return self.server.name

    @property
    def key(self) -> str:
        return "" if self.body is None else spare_key(self.body)


def plan_spares(shard: str) -> SpareReport:
    """What `make_spares` would do now. Changes nothing.

    Raises:
        UnknownShard, ServerUnreachable: as make_spares.
    """
    with own_connection(addresses.shard(shard), _PATIENCE) as connection:
        return _plan(_look(shard, connection))


def make_spares(shard: str, *, most: int | None = None, tell: Tell = silent) -> SpareReport:
    """Drop the spares that nobody can take any more, and make those that are missing.

    At most `most` are made. A shard that takes no new tenants has none, nor one without an image.

    Locks: an advisory lock of a session on the shard: one filler at a time. Each schema's own
        while it is made or dropped.
    Transaction: many; forbids an open one on control.
    Idempotent: what was cut off anywhere is finished by the next run.

    Raises:
        UnknownShard: it has no address here.
        ServerUnreachable, SchemaInUse: run it again.
    """
    with own_connection(addresses.shard(shard), _PATIENCE) as connection:
        row = connection.execute(_TRY).fetchone()
        if not (row and row[0]):
            return SpareReport(shard, problem=BUSY)
        try:
            return _filled(_look(shard, connection), most, tell)
        finally:
            # The server takes a moment to see that a session has ended.
            if not connection.closed:
                connection.execute(_LEAVE)


def _filled(place: _Shard, most: int | None, tell: Tell) -> SpareReport:
    plan = _plan(place)
    for name in plan.to_drop:
        tell(f"dropping {name}")
    dropped = tuple(name for name in plan.to_drop if _dropped(place, name))
    _finish(place)
    made, problem = _made(place, most, tell)
    ready = len(_good(place))
    return replace(plan, made=made, dropped=dropped, ready=ready, problem=problem or plan.problem)


def _look(shard: str, connection: Connection) -> _Shard:
    row = Shard.objects.using(CONTROL).get(name=shard)
    wanted, why = spare_settings().per_shard, why_not(row)
    body = body_wanted(connection.info.server_version // 10000)
    if not why and wanted and body is None:
        why = "there is no image of the code's migrations: manage.py build_image"
    if why or body is None:
        wanted = 0
    return _Shard(addresses.shard(shard), connection, body, wanted, why)


def _plan(place: _Shard) -> SpareReport:
    good = [name for name in _good(place) if _is_whole(place, name)]
    useless = set(spares.free_spares(place.name)) - set(good)
    surplus = good[place.wanted :]
    to_drop = (*sorted(useless | set(_strays(place))), *surplus)
    ready = len(good) - len(surplus)
    missing = max(0, place.wanted - ready)
    return SpareReport(
        place.name,
        wanted=place.wanted,
        ready=ready,
        to_drop=to_drop,
        to_make=missing,
        problem=place.why_none if spare_settings().per_shard else "",
    )


def _good(place: _Shard) -> list[str]:
    """Free ids whose spare is there, and of the image that the code wants."""
    free = spares.free_spares(place.name)
    wanted = [name for name, key in free.items() if place.key and key == place.key]
    markers = read_markers(place.connection, wanted) if wanted else {}
    return [name for name in wanted if name in markers and markers[name].spare == place.key]


def _is_whole(place: _Shard, name: str) -> bool:
    """Nobody has changed it by hand since it was made: who takes it goes by its mark."""
    return place.body is not None and is_whole(place.connection, name, place.body)


def _strays(place: _Shard) -> Iterator[str]:
    """Spares of which control knows nothing: it was restored from a backup, or the shard was."""
    there = {name for name, one in read_markers(place.connection).items() if one.spare}
    unknown = there - spares.all_spares(place.name)
    placed = Placement.objects.using(CONTROL).filter(tenant_id__in=unknown)
    yield from unknown - set(placed.values_list("tenant_id", flat=True))


def _dropped(place: _Shard, name: str) -> bool:
    """Drop a spare that nobody has taken, and let its id be as free as any."""
    if name in spares.free_spares(place.name) and not spares.take_back_spare(name):
        return False
    with alone(place.connection, name):
        return _cleared(place, name)


def _finish(place: _Shard) -> None:
    """Go on with what a filler before us had begun, and was killed in."""
    for name in spares.begun_spares(place.name):
        with alone(place.connection, name):
            marker = read_marker(place.connection, name)
            if marker is not None and place.wanted and marker.spare == place.key:
                spares.finish_spare(name, place.key)
            else:
                _cleared(place, name)


def _made(place: _Shard, most: int | None, tell: Tell) -> tuple[tuple[str, ...], str]:
    """What was made, and why not more. What stands in the way does not undo what was made."""
    missing = place.wanted - len(_good(place))
    wanted = max(0, missing if most is None else min(missing, most))
    made: list[str] = []
    try:
        if wanted:
            bring_newest(place.server, through=place.connection)
        while len(made) < wanted:
            made.append(_make(place, tell))
    except (PlacementError, SchemaError, psycopg.Error) as error:
        if place.connection.closed or isinstance(error, ServerUnreachable):
            raise
        return tuple(made), in_one_line(error)
    return tuple(made), ""


def _make(place: _Shard, tell: Tell) -> str:
    assert place.body is not None, "without an image none is wanted"
    name = spares.begin_spare(place.name)
    tell(f"making {name}")
    pause = spare_settings().pause
    with alone(place.connection, name):
        if not make_spare(place.connection, place.server, name, place.body, pause=pause):
            _cleared(place, name)
            raise ForeignSchema(place.name, name)
    spares.finish_spare(name, place.key)
    return name


def _cleared(place: _Shard, name: str) -> bool:
    """Drop what is there under an id of ours and give the id back; withhold it if it is in use."""
    marker = read_marker(place.connection, name)
    if marker is not None and not _is_ours_to_drop(marker):
        # A schema that serves, under an id that control believes to be free.
        spares.withhold(name)
        return False
    drop_schema(place.server, name)
    spares.give_up_spare(name)
    return True


def _is_ours_to_drop(marker: Marker) -> bool:
    """Whether nobody has ever been let in: a spare, what is left of one, or of dropping one."""
    if marker.phase is Phase.TOMBSTONE:
        return marker.epoch == 0
    return bool(marker.spare) or (
        marker.phase is Phase.INCOMING and marker.unfinished == UNFINISHED
    )
