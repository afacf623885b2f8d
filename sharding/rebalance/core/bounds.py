"""How few bytes any plan must move for the balance that this one reaches. Pure.

Of each shard: the cheapest tenants that together are what it had too much, parts of tenants allowed
and no matter where they go. Whoever leaves does so once, who comes only adds to what must leave,
and parts and forgotten limits make it cheaper: so no plan moves less. Where a shard had too little,
likewise what it got must come from the cheapest tenants of the fleet.

With several dimensions that is a linear program of as many lines as are exceeded. Its dual has at
most three variables and every point of it is a bound, so it need not be solved to the end.

Source: weak duality of linear programs; the ellipsoid method (Shor, 1977).
"""

from collections.abc import Iterable, Sequence

from sharding.rebalance.core.ledger import Ledger
from sharding.rebalance.core.plans import Plan
from sharding.rebalance.core.types import Policy, World

_STEPS = 90
_Cost = tuple[int, int, int]


def lower_bound(
    plan: Plan, world: World, policy: Policy | None = None, *, edge: float | None = None
) -> int:
    """Bytes that any plan moves after which no shard holds more than after this one.

    edge: how much more than its fair share is no excess; else as much as the policy relieves to.
        With its `enter` it is a bound for all that only leave the band, which is less.
    """
    policy = policy or Policy()
    before = Ledger(world, policy)
    after = _used_after(before, plan)
    within = 1 + (policy.leave if edge is None else edge)
    leave = 0.0
    for at in before.live:
        top = [
            max(fair * within, float(held))
            for fair, held in zip(before.fair[at], after[at], strict=True)
        ]
        need = [max(0.0, used - most) for used, most in zip(before.used[at], top, strict=True)]
        leave += cheapest([before.cost[each] for each in before.members[at]], need)
    draining = {shard.name for shard in before.shards if shard.draining}
    leave += sum(step.bytes for step in plan.steps if step.source in draining)
    return int(max(leave, _arrivals(before, after)))


def _used_after(before: Ledger, plan: Plan) -> list[list[int]]:
    """What each shard holds after the plan."""
    used = [list(held) for held in before.used]
    for step in plan.steps:
        cost = before.cost[before.number[step.tenant_id]]
        source, target = used[before.index[step.source]], used[before.index[step.target]]
        for axis in (0, 1, 2):
            source[axis] -= cost[axis]
            target[axis] += cost[axis]
    return used


def _arrivals(before: Ledger, after: Sequence[Sequence[int]]) -> float:
    """What shards that had too little got, in the dimension in which that is dearest."""
    lack = [0.0, 0.0, 0.0]
    for at in before.live:
        if before.ratio(at) < 1 - before.policy.enter:
            for axis in (0, 1, 2):
                got = min(float(after[at][axis]), before.fair[at][axis])
                lack[axis] += max(0.0, got - before.used[at][axis])
    return max(
        _single(before.cost, axis, need) if need > 0 else 0.0 for axis, need in enumerate(lack)
    )


def cheapest(costs: Sequence[_Cost], need: Sequence[float]) -> float:
    """At least so many bytes have tenants that together are `need` in each dimension."""
    axes = [axis for axis in (0, 1, 2) if need[axis] > 0]
    if not axes:
        return 0.0
    singles = {axis: _single(costs, axis, need[axis]) for axis in axes}
    best = max(singles.values())
    if len(axes) == 1:
        return best
    # In parts of what is needed, so that all prices are bytes.
    scaled = [(cost[0], *(cost[axis] / need[axis] for axis in axes)) for cost in costs]
    return max(best, _dual(scaled, len(axes), sum(singles.values())))


def _single(costs: Iterable[_Cost], axis: int, need: float) -> float:
    """In one dimension: who has most of it for a byte goes first, the last one in part."""
    total = 0.0
    for cost in sorted(
        (each for each in costs if each[axis]), key=lambda each: each[0] / each[axis]
    ):
        if cost[axis] >= need:
            return total + cost[0] * need / cost[axis]
        need -= cost[axis]
        total += cost[0]
    return total


def _dual(scaled: Sequence[tuple[float, ...]], count: int, reach: float) -> float:
    """The best point that an ellipsoid finds, which shrinks around the best of all."""
    point = [reach / count] * count
    shape = [[(2 * reach) ** 2 if i == j else 0.0 for j in range(count)] for i in range(count)]
    best = 0.0
    for _ in range(_STEPS):
        below = [axis for axis in range(count) if point[axis] < 0]
        if below:
            # Prices are not negative: away from there.
            slope = [1.0 if axis == below[0] else 0.0 for axis in range(count)]
        else:
            value, slope = _value(scaled, point)
            best = max(best, value)
        pull = [sum(a * b for a, b in zip(row, slope, strict=True)) for row in shape]
        length = max(0.0, sum(a * b for a, b in zip(pull, slope, strict=True))) ** 0.5
        if length <= 1e-6 * reach:
            break
        pull = [each / length for each in pull]
        point = [each + way / (count + 1) for each, way in zip(point, pull, strict=True)]
        grow = count * count / (count * count - 1)
        shape = [
            [grow * (shape[i][j] - 2 / (count + 1) * pull[i] * pull[j]) for j in range(count)]
            for i in range(count)
        ]
    return best


def _value(
    scaled: Sequence[tuple[float, ...]], point: Sequence[float]
) -> tuple[float, list[float]]:
    """The dual's value at these prices, and in which direction it grows."""
    value, slope = sum(point), [1.0] * len(point)
    if len(point) == 2:
        first, second = point
        for size, one, two in scaled:
            rest = size - first * one - second * two
            if rest < 0:
                value += rest
                slope[0] -= one
                slope[1] -= two
        return value, slope
    first, second, third = point
    for size, one, two, three in scaled:
        rest = size - first * one - second * two - third * three
        if rest < 0:
            value += rest
            slope[0] -= one
            slope[1] -= two
            slope[2] -= three
    return value, slope
