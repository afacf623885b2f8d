"""The slots of this process."""

from typing import assert_never

from sharding.pools.breaker import BreakerState, breaker_for
from sharding.pools.slots import Doubt, Slots


def doubt_of(shard: str) -> Doubt:
    """What this process thinks of a shard's server; never blocks."""
    state = breaker_for(shard).look().state
    match state:
        case BreakerState.CLOSED:
            return Doubt.NONE
        case BreakerState.SUSPECTED:
            return Doubt.SUSPECTED
        case BreakerState.OPEN | BreakerState.HELD:
            return Doubt.AWAY
        case _:
            assert_never(state)


_slots = Slots(doubt_of)


def slots() -> Slots:
    """All slots of this process."""
    return _slots


def forget_slots() -> None:
    """Begin with all free: in a forked child, whose parent's requests are not its own."""
    global _slots
    _slots = Slots(doubt_of)
