"""End the moves whose movers have died. Asked again and again, by whoever watches."""

import logging

from sharding.moves.services import soaking
from sharding.moves.services.after_soak import finish_move
from sharding.moves.services.ending import DIFFER
from sharding.moves.services.listing import stuck_moves
from sharding.moves.services.recovering import ENDS_LATER, recover_move
from sharding.moves.types import MoveReceipt
from sharding.pools.outages import without_rows

log = logging.getLogger(__name__)


def recover_stuck_moves() -> list[MoveReceipt]:
    """Bring every move on which nobody works to its end, as far as servers answer.

    A soak whose time is over ends. A move that cannot be ended now does not keep the others
    waiting. One whose copies differ waits for a person.

    Locks: the lease of one tenant after the other.
    Idempotent.
    """
    ended = []
    ways = [(move, recover_move) for move in stuck_moves() if DIFFER not in move.result]
    ways += [(move, finish_move) for move in soaking.over()]
    for move, go_on in ways:
        try:
            receipt = go_on(str(move.pk), tell=log.info)
        except ENDS_LATER as error:
            log.warning("%s waits on: %s", move, without_rows(error))
        else:
            log.info("%s is %s", move, receipt.state)
            ended.append(receipt)
    return ended
