"""The slots of this process."""

from sharding.pools.breaker import breaker_for
from sharding.pools.slots import Doubt, Slots


def doubt_of(shard: str) -> Doubt:
    """What this process thinks of a shard's server; never blocks."""
    return Doubt.AWAY if breaker_for(shard).away else Doubt.NONE


_slots = Slots(doubt_of)


def slots() -> Slots:
    """All slots of this process."""
    return _slots


def forget_slots() -> None:
    """Begin with all free: in a forked child, whose parent's requests are not its own."""
    global _slots
    _slots = Slots(doubt_of)
