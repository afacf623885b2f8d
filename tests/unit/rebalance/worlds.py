"""Worlds for the planner: some made by hand, some by hypothesis."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from sharding.rebalance.core.ledger import Ledger
from sharding.rebalance.core.plans import Step
from sharding.rebalance.core.types import (
    GIGABYTE,
    Policy,
    ShardCapacity,
    TenantLoad,
    World,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = ("alpha", "beta", "delta", "epsilon", "gamma", "zeta")


def shard(name: str, **facts: object) -> ShardCapacity:
    told = {"bytes": 100 * GIGABYTE, "load": 100.0, "tenants": 100} | facts
    return ShardCapacity(name, **told)  # type: ignore[arg-type]


def tenants(
    where: str, count: int, *, gigabytes: float = 1, load: float = 1, prefix: str = ""
) -> list[TenantLoad]:
    size = int(gigabytes * GIGABYTE)
    return [TenantLoad(f"t{prefix or where}{at:03d}", where, size, load) for at in range(count)]


def world(shards: Sequence[ShardCapacity], *groups: Iterable[TenantLoad]) -> World:
    return World(tuple(one for group in groups for one in group), tuple(shards), NOW)


def after(before: World, steps: Iterable[Step]) -> World:
    """The world once these moves were made."""
    went = {step.tenant_id: step.target for step in steps}
    return replace(
        before,
        tenants=tuple(
            replace(one, shard=went[one.tenant_id], moved_at=before.at)
            if one.tenant_id in went
            else one
            for one in before.tenants
        ),
    )


def profile(of: World, policy: Policy) -> list[float]:
    """All ratios of all shards that stay, the highest first: what a prefix makes smaller."""
    ledger = Ledger(of, policy)
    return sorted((ratio for at in ledger.live for ratio in ledger.ratios(at)), reverse=True)


def worst(of: World, policy: Policy) -> float:
    return max(profile(of, policy), default=0.0)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Anything that may come: skewed, tiny, with pins, groups, labels, shards that are down.

    How many of each hypothesis says; who they are, and how large, comes from a seed that it draws:
    a list of tenants drawn one by one is nearly always one in which nothing is to be done.
    """
    chance = random.Random(draw(st.integers(0, 2**32)))
    shards = draw(st.integers(1, 6))
    trouble = draw(st.sampled_from([0.0, 0.02, 0.15]))
    told = draw(st.booleans())
    crowd = draw(st.integers(0, 60))
    spread = draw(st.sampled_from([0.1, 1.0, 2.5]))

    def sometimes(value: Any, otherwise: Any) -> Any:
        return value if chance.random() < trouble else otherwise

    names = NAMES[:shards]
    size = chance.choice([0.1, 1, 3]) * 100 * GIGABYTE * shards / max(crowd, 1) / 4
    return World(
        tuple(
            TenantLoad(
                f"t{at:03d}",
                shard=names[min(int(chance.expovariate(spread)), shards - 1)],
                bytes=sometimes(0, int(size * chance.paretovariate(1.3))),
                load=sometimes(0.0, chance.paretovariate(1.3) * 200 * shards / max(crowd, 1) / 4),
                group=sometimes(chance.choice("ab"), ""),
                pinned_to=sometimes(chance.choice(names), ""),
                labels=sometimes(frozenset({"eu"}), frozenset()),
                moved_at=sometimes(NOW - timedelta(days=2), None),
                moving_to=sometimes(chance.choice(names), ""),
                busy=sometimes("migrating", ""),
            )
            for at in range(crowd)
        ),
        tuple(
            ShardCapacity(
                name,
                bytes=100 * GIGABYTE if told else None,
                load=chance.choice([None, 200.0]) if told else None,
                tenants=chance.choice([None, 20, 60]) if told else None,
                weight=sometimes(0.0, chance.choice([1.0, 1.0, 2.0])),
                draining=chance.random() < trouble * 2,
                down=chance.random() < trouble,
                labels=frozenset({"eu"}) if at % 2 else frozenset(),
            )
            for at, name in enumerate(names)
        ),
        NOW,
    )


policies = st.builds(
    Policy,
    enter=st.just(0.10),
    leave=st.sampled_from([0.05, 0.10]),
    floor=st.sampled_from([0.0, 0.3]),
    improvement=st.sampled_from([0.0, 0.5]),
)
