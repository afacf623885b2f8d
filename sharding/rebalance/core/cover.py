"""Which tenants a shard gives away, so that little is copied and its excess is gone. Pure.

A lazy greedy cover of the excess in all dimensions at once: who takes most of it away for a byte
goes first. What a tenant takes away only gets less as others go, so an old figure never
underrates it, and only the best one needs to be reckoned anew. In the end whoever is not needed
after all stays, the largest first.

Source: docs/adr/0023.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final

from sharding.rebalance.core.fitting import Fitting, fullness
from sharding.rebalance.core.ledger import Ledger, Three
from sharding.rebalance.core.plans import LeftAlone, WhyNot
from sharding.rebalance.core.types import DIMENSIONS, Dimension

TOLERANCE: Final = 0.005
"""A level is reached when it is exceeded by no more than this part of it."""

_TRIES: Final = 100
"""So many that found no target, and the shard is left as it is."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of one shard.

    Attributes:
        source: the shard that gives tenants away.
        level: in each dimension what it should hold at most; infinite: no matter.
        pool: of each shard whether it may get them.
        limits: what those may then hold at most; each is tried for all of the pool in turn.
    """

    source: int
    level: Three
    pool: Sequence[bool]
    limits: tuple[Sequence[Three], ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """A tenant that goes, where, and what for."""

    tenant: int
    target: int
    dimension: Dimension
    gain: float


class Cover:
    """One shard's tenants, chosen and moved in the ledger.

    Attributes:
        chosen: who goes, in this order.
        left: who was considered and stays.
    """

    def __init__(self, ledger: Ledger, fitting: Fitting, wish: Wish) -> None:
        self._ledger = ledger
        self._fitting = fitting
        self._wish = wish
        used = ledger.used[wish.source]
        self._need = [max(0.0, held - top) for held, top in zip(used, wish.level, strict=True)]
        self._weight = [
            1 / top if need > 0 else 0.0 for need, top in zip(self._need, wish.level, strict=True)
        ]
        self.chosen: list[Choice] = []
        self.left: dict[int, LeftAlone] = {}

    def choose(self) -> None:
        """Find who goes; in the ledger they then have gone."""
        self._take()
        self._keep_the_needless()

    def _take(self) -> None:
        base, cost = self._ledger.policy.base_bytes, self._ledger.cost
        heap = [
            (-gain / (cost[at][0] + base or 1), at)
            for at in self._ledger.movable(self._wish.source)
            if (gain := self._gain(cost[at])) > 0
        ]
        heapify(heap)
        misses = 0
        while heap and misses < _TRIES and self._is_needed():
            _, at = heappop(heap)
            gain = self._gain(cost[at])
            value = -gain / (cost[at][0] + base or 1)
            if heap and value > heap[0][0]:
                if gain > 0:
                    heappush(heap, (value, at))
                continue
            if gain <= 0:
                break
            if not self._is_worth_it(at, gain):
                continue
            misses += not self._send(at, gain)

    def _gain(self, cost: tuple[int, int, int]) -> float:
        """What of the excess it takes away, in parts of the levels."""
        need, weight = self._need, self._weight
        gain = 0.0
        for axis in (0, 1, 2):
            if weight[axis] and need[axis] > 0:
                gain += (cost[axis] if cost[axis] < need[axis] else need[axis]) * weight[axis]
        return gain

    def _is_needed(self) -> bool:
        return any(
            need > TOLERANCE * top
            for need, top, weight in zip(self._need, self._wish.level, self._weight, strict=True)
            if weight
        )

    def _is_worth_it(self, at: int, gain: float) -> bool:
        brings = sum(
            each * weight
            for each, need, weight in zip(
                self._ledger.cost[at], self._need, self._weight, strict=True
            )
            if need > 0
        )
        wanted = self._ledger.policy.improvement
        if gain >= wanted * brings:
            return True
        self._leave(at, WhyNot.IMPROVEMENT, gain / brings, wanted)
        return False

    def _send(self, at: int, gain: float) -> bool:
        ledger, wish, cost = self._ledger, self._wish, self._ledger.cost[at]
        before = ledger.touched_ratio(wish.source, cost)
        target = self._find(at, before)
        if target is None:
            if (would_be := self._find(at)) is not None:
                after = fullness(ledger.used[would_be], cost, ledger.fair[would_be])
                self._leave(at, WhyNot.NO_GAIN, after, before)
            else:
                self.left[at] = self._fitting.why_none(at, wish.limits[-1], WhyNot.NO_TARGET)
            return False
        dimension, part = self._dimension(cost), gain / (self._brings_all(cost) or 1.0)
        ledger.move(at, target)
        for axis in (0, 1, 2):
            self._need[axis] -= cost[axis]
        self.chosen.append(Choice(at, target, dimension, part))
        self.left.pop(at, None)
        return True

    def _find(self, at: int, below: float = float("inf")) -> int | None:
        """Its target within the first of the limits within which there is one."""
        for limits in self._wish.limits:
            target = self._fitting.find(at, limits, self._wish.pool, below=below)
            if target is not None:
                return target
        return None

    def _brings_all(self, cost: tuple[int, int, int]) -> float:
        return sum(each * weight for each, weight in zip(cost, self._weight, strict=True))

    def _dimension(self, cost: tuple[int, int, int]) -> Dimension:
        """That in which it takes away most."""
        gains = [
            min(each, max(need, 0)) * weight
            for each, need, weight in zip(cost, self._need, self._weight, strict=True)
        ]
        return DIMENSIONS[gains.index(max(gains))]

    def _leave(self, at: int, why: WhyNot, value: float, threshold: float) -> None:
        ledger = self._ledger
        self.left[at] = LeftAlone(
            ledger.shards[self._wish.source].name,
            why,
            value,
            threshold,
            tenant_id=ledger.tenants[at].tenant_id,
        )

    def _keep_the_needless(self) -> None:
        """Those without whom the levels are met as well stay, the largest first."""
        ledger, wish = self._ledger, self._wish
        top = [
            level * (1 + TOLERANCE) if weight else float("inf")
            for level, weight in zip(wish.level, self._weight, strict=True)
        ]
        kept = set()
        for choice in sorted(
            self.chosen, key=lambda choice: (-ledger.cost[choice.tenant][0], choice.tenant)
        ):
            used, cost = ledger.used[wish.source], ledger.cost[choice.tenant]
            if all(held + each <= most for held, each, most in zip(used, cost, top, strict=True)):
                ledger.move(choice.tenant, wish.source)
                kept.add(choice.tenant)
        if kept:
            self.chosen = [choice for choice in self.chosen if choice.tenant not in kept]
