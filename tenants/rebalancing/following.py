"""Follow a rebalance to its end, and tell how far it is."""

import time
from collections.abc import Callable
from typing import Final

from sharding.rebalance.services.running import work_on_rebalance
from sharding.rebalance.services.shown import RebalanceLook, show
from sharding.rebalance.states import ENDS, RebalanceState
from tenants.rebalancing.telling import size

_EVERY_S: Final = 1.0


def follow(number: int, *, here: bool, tell: Callable[[str], object]) -> None:
    """Until it has ended, or is paused. `here`: do its work in this process meanwhile.

    Whoever ends this ends nothing of the rebalance, unless it works here: then workers go on.
    """
    told = ""
    while True:
        if here:
            work_on_rebalance(tell=tell)
        found = show(number)
        line = progress(found)
        if line != told:
            tell(line)
            told = line
        if RebalanceState(found.state) in ENDS or found.state == RebalanceState.PAUSED:
            return
        time.sleep(_EVERY_S)


def progress(look: RebalanceLook) -> str:
    """How far it is, in a line."""
    return f"{look.ended} of {look.moves} moves, {size(look.bytes_done)} of {size(look.bytes)}" + (
        f"; {look.said}" if look.said else ""
    )
