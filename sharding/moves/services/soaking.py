"""After the switch: keep the way back open for a while, go it, or give it up.

While a move soaks nobody holds the tenant's lease. Its streams run by themselves, and come back by
themselves after a shard was away.
"""

from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from sharding.moves.connections import mover_connection
from sharding.moves.core.states import MoveState
from sharding.moves.errors import FenceIncomplete
from sharding.moves.models import CONTROL, Move
from sharding.moves.services import journal
from sharding.moves.services.copying import check_tables, read_tables
from sharding.moves.services.streams import name_of, published_tables
from sharding.moves.services.work import Work
from sharding.schemas.services.markers import set_phase
from sharding.schemas.types import Phase

MOST_PER_SHARD: Final = 4
"""Slots, origins and workers are scarce; beyond these the oldest soak ends early."""


def soak(work: Work) -> None:
    """Let the way back be open from here on, and say for how long."""
    work.close_lanes()
    with transaction.atomic(using=CONTROL, durable=True):
        journal.advance(work.move, MoveState.SOAKING, step="soak")
        _soaking().filter(pk=work.move.pk).update(soak_ends_at=Now() + work.request.soak)
        ended = _end_oldest(work.move.source) + _end_oldest(work.move.target)
    work.tell(f"the way back is open for {work.request.soak}: `manage.py rollback_move` goes it")
    for move in ended:
        work.tell(f"{move} ends its soak early: its shard has {MOST_PER_SHARD} younger ones")


def turn(work: Work) -> None:
    """Source and target change places."""
    journal.turn(work.move, MoveState.COPIED, step="turn")


def await_target(work: Work) -> None:
    """The copy that follows becomes one that may be opened; both must still be of one structure.

    Raises:
        FenceIncomplete: tables were changed since: the stream does not carry them.
    """
    streams = name_of(work.move.result["streams"], work.direction)
    with (
        mover_connection(work.source, work.who) as source,
        mover_connection(work.target, work.who) as target,
    ):
        work.tables = read_tables(source, work.schema)
        check_tables(work.schema, work.tables, read_tables(target, work.schema))
        carried = published_tables(source, streams)
        if missing := [table.name for table in work.tables if table.name not in carried]:
            raise FenceIncomplete(work.schema, missing)
        with target.transaction():
            set_phase(target, work.schema, Phase.INCOMING, token=work.token)


def soak_on(work: Work) -> None:
    """The turn is given up: the tenant is where it was, and the way back is still open."""
    journal.turn(work.move, MoveState.SOAKING, step="soak_on")


def close_way_back(work: Work) -> None:
    """From here on nobody goes back."""
    journal.advance(work.move, MoveState.FINISHING, step="close_way_back")


def over(*moves: Move) -> list[Move]:
    """The moves, of these or of all, whose soak is over; the oldest first."""
    found = _soaking().filter(soak_ends_at__lte=Now()).order_by("pk")
    return list(found.filter(pk__in=[move.pk for move in moves]) if moves else found)


def _end_oldest(shard: str) -> list[Move]:
    here = _soaking().filter(Q(source=shard) | Q(target=shard), soak_ends_at__gt=Now())
    oldest = list(here.order_by("-changed_at", "-pk")[MOST_PER_SHARD:])
    _soaking().filter(pk__in=[move.pk for move in oldest]).update(soak_ends_at=Now())
    return oldest


def _soaking() -> QuerySet[Move]:
    return Move.objects.using(CONTROL).filter(state=MoveState.SOAKING)
