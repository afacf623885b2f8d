"""Who decides, once a day, what is moved: nobody, the planner, a greedy one for comparison."""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Final

from sharding.rebalance.core.bounds import lower_bound
from sharding.rebalance.core.ledger import Ledger
from sharding.rebalance.core.planner import plan
from sharding.rebalance.core.types import Policy, World

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


Decide = Callable[[World], Decision]


def decide_nothing(world: World) -> Decision:
    """Leave everybody where they are."""
    return Decision()


def planner(policy: Policy) -> Decide:
    """Do what the planner says."""

    def decide(world: World) -> Decision:
        found = plan(world, policy)
        bound = lower_bound(found, world, policy) if found.steps else 0
        return Decision(tuple((step.tenant_id, step.target) for step in found.steps), bound)

    return decide


def decide_greedily(world: World) -> Decision:
    """From the fullest shard to the emptiest, while they differ: the baseline.

    Who comes nearest to half of the difference goes. It knows no band to leave, no cooldown and
    no cost, and is asked for yesterday's load, not a smoothed one.
    """
    policy = Policy(floor=0.0)
    ledger = Ledger(world, policy)
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
        if max(_after(ledger, tenant, target)) >= -ratio:
            continue
        ledger.move(tenant, target)
        moves.append((ledger.tenants[tenant].tenant_id, ledger.shards[target].name))
        heappush(heap, (-ledger.ratio(source), source))
    return Decision(tuple(moves))


def _by_share(ledger: Ledger, shard: int) -> list[tuple[float, int]]:
    fair = ledger.fair[shard]
    return sorted(
        (max(each / whole for each, whole in zip(ledger.cost[at], fair, strict=True)), at)
        for at in ledger.members[shard]
    )


def _after(ledger: Ledger, tenant: int, target: int) -> tuple[float, ...]:
    return tuple(
        (held + each) / fair
        for held, each, fair in zip(
            ledger.used[target], ledger.cost[tenant], ledger.fair[target], strict=True
        )
    )
