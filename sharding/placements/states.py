"""States of shards and placements, and the changes that are allowed."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class ShardState(StrEnum):
    """What may be done with a shard."""

    PREPARING = "preparing"
    """add_shard has begun and not ended; run it again."""

    ACTIVE = "active"
    """Serves its tenants and takes new ones."""

    DRAINING = "draining"
    """Serves its tenants and takes no new ones."""


class PlacementState(StrEnum):
    """What a tenant's place is good for."""

    CREATING = "creating"
    """Its schema is being built."""

    READY = "ready"
    """Its schema serves."""

    MOVING = "moving"
    """It is on its way to another shard; requests wait, or get a 503."""

    DROPPING = "dropping"
    """Its schema is being taken away."""


TRANSITIONS: Mapping[PlacementState, frozenset[PlacementState]] = MappingProxyType(
    {
        PlacementState.CREATING: frozenset({PlacementState.READY, PlacementState.DROPPING}),
        PlacementState.READY: frozenset({PlacementState.MOVING, PlacementState.DROPPING}),
        PlacementState.MOVING: frozenset({PlacementState.READY}),
        PlacementState.DROPPING: frozenset(),
    }
)
"""From each state, where a placement may go. A dropped placement's row is deleted."""
