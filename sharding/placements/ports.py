"""What placements ask of layers above them; they register it at start-up."""

from collections.abc import Mapping
from typing import Protocol

from sharding.placements.scoring import Holdings


class KnowsHoldings(Protocol):
    """Knows what tenants cost."""

    def __call__(self) -> Holdings:
        """Of each shard what its tenants that were measured cost; asks control only."""


class Fullness(Protocol):
    """Knows how full shards are."""

    def __call__(self) -> Mapping[str, Mapping[str, float]]:
        """Of each shard the parts of its capacity that are used, by dimension; asks control only.

        1.0 is all of it. Shards of which nobody has reckoned that are left out.
        """


def nothing_measured() -> Holdings:
    """Stands in until somebody registers: tenants are counted."""
    return Holdings()


def nothing_reckoned() -> Mapping[str, Mapping[str, float]]:
    """Stands in until somebody registers: no shard is shown as full."""
    return {}


holdings: KnowsHoldings = nothing_measured
fullness: Fullness = nothing_reckoned


def register_holdings(made: KnowsHoldings) -> None:
    """`rebalance` says here what it has measured."""
    global holdings
    holdings = made


def register_fullness(made: Fullness) -> None:
    """`rebalance` says here how full shards are."""
    global fullness
    fullness = made
