"""Down to where full shards give to empty ones. Pure."""

from collections.abc import Collection, Sequence
from typing import Final

from sharding.rebalance.core.ledger import Ledger, Three
from sharding.rebalance.core.types import DIMENSIONS

_HALVINGS: Final = 40
_INFINITE: Final = float("inf")


def water_levels(ledger: Ledger, givers: Sequence[int], takers: Collection[int]) -> Three:
    """The ratio, in each dimension, above which givers together have what takers lack.

    Infinite in dimensions by which the policy fills nothing.
    """
    wanted = ledger.policy.fill
    levels = [
        _level(ledger, axis, givers, takers) if dimension in wanted else _INFINITE
        for axis, dimension in enumerate(DIMENSIONS)
    ]
    return levels[0], levels[1], levels[2]


def _level(ledger: Ledger, axis: int, givers: Sequence[int], takers: Collection[int]) -> float:
    lack = sum(max(0.0, ledger.fair[at][axis] - ledger.used[at][axis]) for at in takers)
    pairs = [(ledger.used[at][axis], ledger.fair[at][axis]) for at in givers]
    if lack <= 0 or not pairs:
        return _INFINITE
    low, high = 0.0, max(used / fair for used, fair in pairs)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if sum(max(0.0, used - middle * fair) for used, fair in pairs) > lack:
            low = middle
        else:
            high = middle
    return high
