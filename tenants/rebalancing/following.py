"""Follow a rebalance to its end, and tell how far it is."""

import time
from collections.abc import Callable
from typing import Final

from sharding.figures import size_in_words
from sharding.rebalance.services.running import work_on_rebalance
from sharding.rebalance.services.shown import Progress, progress_of
from sharding.rebalance.states import RebalanceState

_EVERY_S: Final = 1.0


def follow(number: int, *, here: bool, tell: Callable[[str], object]) -> None:
    """Until it has ended, or is paused. `here`: do its work in this process meanwhile.

    Whoever ends this ends nothing of the rebalance, unless it works here: then workers go on.
    """
    told = ""
    while True:
        if here:
            work_on_rebalance(tell=tell)
        found = progress_of(number)
        line = progress(found)
        if line != told:
            tell(line)
            told = line
        state = RebalanceState(found.state)
        if not state.is_live or state is RebalanceState.PAUSED:
            return
        time.sleep(_EVERY_S)


def progress(look: Progress) -> str:
    """How far it is, in a line."""
    moved = f"{size_in_words(look.bytes_done)} of {size_in_words(look.bytes)}"
    said = f"; {look.said}" if look.said else ""
    return f"{look.ended} of {look.moves} moves, {moved}{said}"
