"""End the moves whose movers have died. Asked again and again, by whoever watches."""

import logging

import psycopg
from django.db import DatabaseError

from sharding.moves.errors import MoveError
from sharding.moves.services.ending import DIFFER
from sharding.moves.services.listing import stuck_moves
from sharding.moves.services.recovering import recover_move
from sharding.moves.types import MoveReceipt
from sharding.placements.errors import PlacementError
from sharding.pools.outages import without_rows
from sharding.registry.errors import RegistryError
from sharding.schemas.errors import SchemaError

log = logging.getLogger(__name__)

_GOES_ON: tuple[type[Exception], ...] = (
    MoveError,
    PlacementError,
    RegistryError,
    SchemaError,
    DatabaseError,
    psycopg.Error,
)


def recover_stuck_moves() -> list[MoveReceipt]:
    """Bring every move on which nobody works to its end, as far as servers answer.

    One that cannot be ended now does not keep the others waiting. One whose copies differ waits
    for a person.

    Locks: the lease of one tenant after the other.
    Idempotent.
    """
    ended = []
    for move in stuck_moves():
        if DIFFER in move.result:
            continue
        try:
            receipt = recover_move(str(move.pk), tell=log.info)
        except _GOES_ON as error:
            log.warning("%s waits on: %s", move, without_rows(error))
        else:
            log.info("%s is %s", move, receipt.state)
            ended.append(receipt)
    return ended
