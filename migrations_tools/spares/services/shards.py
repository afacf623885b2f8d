"""Which shards have spares, or may have."""

from collections.abc import Iterable

from sharding.placements.models import CONTROL, Shard
from sharding.placements.services.shards import shards_named
from sharding.placements.states import ShardState
from sharding.registry.current import registry


def spare_shards(names: Iterable[str] = ()) -> list[str]:
    """Those named, or all that are prepared and have an address here, in order.

    Raises:
        NoSuchShard: one of the names is no shard's.
    """
    named = set(names)
    if named:
        return shards_named(named)
    prepared = Shard.objects.using(CONTROL).exclude(state=ShardState.PREPARING)
    there = set(prepared.values_list("name", flat=True)) & set(registry().shards)
    return sorted(there)
