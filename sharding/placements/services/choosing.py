"""Choose the shard of a new tenant."""

import random
from collections.abc import Collection
from datetime import datetime

from django.db.models import Count, Q

from sharding.placements import ports
from sharding.placements.errors import NoShardAvailable, ShardUnavailable
from sharding.placements.models import CONTROL, Placement, ReservedRole, Shard
from sharding.placements.scoring import Candidate, Held, choose
from sharding.placements.services.reserving import room_for_roles
from sharding.placements.services.shards import find_shard
from sharding.placements.states import ShardState
from sharding.registry.current import registry


def choose_shard(*, avoiding: Collection[str] = (), labels: Collection[str] = ()) -> str:
    """The shard that is least full with one more tenant, of some; none of `avoiding`.

    labels: what it must have, all of them.

    Full in comparison with its weight, by what its tenants cost as far as that was measured, and
    by their number (`sharding.placements.scoring`). Asks control only, no shard, and of placements
    only those that are younger than what is known of the shards.

    Raises:
        NoShardAvailable: none takes a new tenant; the message has the reason for each.
    """
    shards = Shard.objects.using(CONTROL).all()
    refusals = {
        shard.name: (
            "it does not answer"
            if shard.name in avoiding
            else why_not(shard) or lacks(shard, labels)
        )
        for shard in shards
    }
    open_ones = [shard for shard in shards if not refusals[shard.name]]
    if not open_ones:
        raise NoShardAvailable(tuple(f"{name}: {why}" for name, why in refusals.items()))
    known = ports.holdings()
    placed = _placed_since(known.counted_until)
    # Capacities can be compared with one another, not with weights.
    all_say_bytes = all(shard.capacity_bytes for shard in open_ones)
    all_say_load = all(shard.capacity_load for shard in open_ones)
    candidates = [
        Candidate(
            shard.name,
            known.shards.get(shard.name, Held()).tenants + placed.get(shard.name, 0),
            (
                shard.capacity_bytes or shard.weight if all_say_bytes else shard.weight,
                shard.capacity_load or shard.weight if all_say_load else shard.weight,
                shard.weight,
            ),
            known.shards.get(shard.name, Held()),
        )
        for shard in open_ones
    ]
    return choose(candidates, random.sample)


def _placed_since(at: datetime | None) -> dict[str, int]:
    """How many tenants each shard got since then, of those that are there now; None: ever."""
    places = Placement.objects.using(CONTROL).all()
    if at is not None:
        places = places.filter(created_at__gt=at)
    return dict(places.values_list("shard_id").annotate(tenants=Count("*")))


def check_shard(name: str, *, labels: Collection[str] = ()) -> Shard:
    """The shard that somebody named, if it takes a new tenant that needs these labels.

    Raises:
        NoSuchShard: there is none of this name.
        ShardUnavailable: it does not.
    """
    shard = find_shard(name)
    if reason := why_not(shard) or lacks(shard, labels):
        raise ShardUnavailable(name, reason)
    return shard


def lacks(shard: Shard, labels: Collection[str]) -> str:
    """Which of these labels this shard has not, as a reason; empty when it has all of them."""
    missing = sorted(set(labels) - set(shard.labels))
    return f"it lacks the label {', '.join(label[:60] for label in missing)}" if missing else ""


def why_not(shard: Shard) -> str:
    """Why this shard takes no new tenant; empty when it does."""
    if shard.state != ShardState.ACTIVE:
        return f"it is {ShardState(shard.state).name.lower().replace('_', ' ')}"
    if shard.weight <= 0:
        return "its weight is 0"
    if shard.name not in registry().shards:
        return "it has no address in this machine's registry"
    # Whether there is one is soon found; how many there are is counted.
    if not _has_free_role(shard) and not room_for_roles(shard):
        return "its server bears no more tenant roles"
    return ""


def _has_free_role(shard: Shard) -> bool:
    return (
        ReservedRole.objects.using(CONTROL)
        .filter(Q(placed_at=None), shard=shard, used_by="")
        .exists()
    )
