"""Who decides, once a day, what is moved: nobody, the planner, a greedy one for comparison."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final

from sharding.rebalance.core.bounds import lower_bound
from sharding.rebalance.core.fitting import fullness
from sharding.rebalance.core.ledger import Ledger
from sharding.rebalance.core.planner import plan_in
from sharding.rebalance.core.types import World

_BAND: Final = 1.02
_MOST: Final = 2_000


@dataclass(frozen=True, slots=True)
class Decision:
    """What is moved today.

    Attributes:
        moves: tenant and target.
        bound: bytes that any plan moves for the same balance; None: nobody asked.
    """

    moves: tuple[tuple[str, str], ...] = ()
    bound: int | None = None


Decide = Callable[[World, Ledger], Decision]
"""The ledger is of that world and of the policy of the simulation; it may be changed."""


@dataclass(frozen=True, slots=True)
class Decider:
    """Who decides.

    Attributes:
        smoothed: it sees the higher one of the means over a day and a week, else of today.
    """

    name: str
    decide: Decide
    smoothed: bool = True


def decide_nothing(world: World, ledger: Ledger) -> Decision:
    """Leave everybody where they are."""
    return Decision()


def decide_as_planned(world: World, ledger: Ledger) -> Decision:
    """Do what the planner says."""
    found = plan_in(ledger, world)
    bound = lower_bound(found, world, ledger.policy) if found.steps else 0
    return Decision(tuple((step.tenant_id, step.target) for step in found.steps), bound)


def decide_greedily(world: World, ledger: Ledger) -> Decision:
    """From the fullest shard to the emptiest, while they differ: the baseline.

    Who comes nearest to half of the difference goes. It knows no band to leave, no cooldown and
    no cost, and is asked for yesterday's load, not a smoothed one.
    """
    sizes = {at: _by_share(ledger, at) for at in ledger.live}
    heap = [(-ledger.ratio(at), at) for at in ledger.live]
    heapify(heap)
    moves: list[tuple[str, str]] = []
    while heap and len(moves) < _MOST:
        ratio, source = heappop(heap)
        if -ratio <= _BAND:
            break
        target = min(ledger.live, key=ledger.ratio)
        shares = sizes[source]
        found = bisect_right(shares, ((-ratio - ledger.ratio(target)) / 2, len(ledger.tenants)))
        if source == target or not found:
            continue
        _, tenant = shares.pop(found - 1)
        if fullness(ledger.used[target], ledger.cost[tenant], ledger.fair[target]) >= -ratio:
            continue
        ledger.move(tenant, target)
        moves.append((ledger.tenants[tenant].tenant_id, ledger.shards[target].name))
        heappush(heap, (-ledger.ratio(source), source))
    return Decision(tuple(moves))


def _by_share(ledger: Ledger, shard: int) -> list[tuple[float, int]]:
    fair = ledger.fair[shard]
    return sorted((fullness((0, 0, 0), ledger.cost[at], fair), at) for at in ledger.members[shard])


DECIDERS: Final = (
    Decider("nobody", decide_nothing),
    Decider("greedy", decide_greedily, smoothed=False),
    Decider("planner", decide_as_planned),
)
"""The order in which they are compared."""
