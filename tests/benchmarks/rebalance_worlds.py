"""Fleets for the planner: skewed as real ones are, the same in every run."""

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sharding.rebalance.core.types import ShardCapacity, TenantLoad, World

_DISK = 10**12
_POWER = 1_000.0
_LARGEST = 0.3
NOW = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a fleet is like: Pareto sizes, half of the loads go with them.

    Attributes:
        skew: of how many tenants shards have; 0: all the same.
        pins: the part of tenants that are pinned where they are.
        groups: so many, for 2 % of the tenants.
        capacities: of the shards, in turn.
        draining, new: shards that are to be empty; that are.
    """

    shards: int = 100
    tenants: int = 100_000
    skew: float = 0.35
    pins: float = 0.01
    groups: int = 0
    capacities: tuple[int, ...] = (1,)
    draining: int = 0
    new: int = 0
    seed: int = 1


def world(terms: Terms) -> World:
    """A fleet that uses half of what its shards bear."""
    chance = random.Random(terms.seed)
    sizes = [terms.capacities[at % len(terms.capacities)] for at in range(terms.shards)]
    whole = sum(sizes)
    shards = [
        ShardCapacity(
            f"shard{at:03d}",
            bytes=_DISK * size,
            load=_POWER * size,
            tenants=2 * terms.tenants // whole * size,
            draining=at < terms.draining,
        )
        for at, size in enumerate(sizes)
    ]
    shares = [size * chance.lognormvariate(0, terms.skew) for size in sizes]
    if terms.skew == 0:
        homes = [at % terms.shards for at in range(terms.tenants)]
    else:
        homes = chance.choices(range(terms.shards), shares, k=terms.tenants)
    raw = [chance.paretovariate(1.3) for _ in homes]
    busy = [one if chance.random() < 0.5 else chance.paretovariate(1.3) for one in raw]
    by_bytes, by_load = 0.5 * _DISK * whole / sum(raw), 0.5 * _POWER * whole / sum(busy)
    found = []
    for at, home in enumerate(homes):
        where = shards[home].name
        found.append(
            TenantLoad(
                f"t{at:06d}",
                where,
                int(min(raw[at] * by_bytes, _LARGEST * _DISK)) + 1,
                min(busy[at] * by_load, _LARGEST * _POWER),
                group=f"g{chance.randrange(terms.groups)}"
                if terms.groups and chance.random() < 0.02
                else "",
                pinned_to=where if chance.random() < terms.pins else "",
            )
        )
    shards += [replace(shards[0], name=f"new{at:03d}", draining=False) for at in range(terms.new)]
    return World(tuple(found), tuple(shards), NOW)
