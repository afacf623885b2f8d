"""What placements ask of layers above them; they register it at start-up."""

from collections.abc import Mapping
from typing import Protocol

from sharding.placements.scoring import Held


class Holdings(Protocol):
    """Knows what tenants cost."""

    def __call__(self) -> Mapping[str, Held]:
        """Of each shard what its tenants that were measured cost; asks control only."""


def nothing_measured() -> Mapping[str, Held]:
    """Stands in until somebody registers: tenants are counted."""
    return {}


holdings: Holdings = nothing_measured


def register_holdings(made: Holdings) -> None:
    """`rebalance` says here what it has measured."""
    global holdings
    holdings = made
