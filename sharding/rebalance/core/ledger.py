"""Who is where while a plan is made, what each shard holds, and how much it may. Pure.

All that is counted is whole numbers, so that the same tenants make the same sums in any order: a
plan that is made again after some of its moves meets the same numbers as the first time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from sharding.rebalance.core.plans import WhyNot
from sharding.rebalance.core.types import (
    DIMENSIONS,
    Dimension,
    Policy,
    ShardCapacity,
    Use,
    World,
)

Three = tuple[float, float, float]
"""One number for each dimension."""

_LOAD_STEPS: Final = 10**9
"""The largest tenant's load is so many; all others are rounded to such steps."""

_LEAST: Final = 1e-9
"""Stands for a capacity of nothing, so that it can be divided by."""

_DAY: Final = timedelta(days=1)
_INFINITE: Final = float("inf")


class Ledger:
    """Tenants and shards by number, in the order of their names.

    Attributes:
        cost: of each tenant bytes, load and 1.
        home: of each tenant its shard.
        held: of each tenant why nobody may move it, whatever the reason.
        stays: of each tenant why it is not moved for balance's sake; what holds it, or a pin, or
            that it came a short while ago, or that this plan has moved it.
        cooling: of tenants that came a short while ago, the days until that is over.
        used: of each shard what its tenants cost.
        members: of each shard its tenants.
        open: of each shard whether tenants may come.
        live: the shards that count for balance: neither draining nor out.
        fair: of each shard its fair share.
        even: what it may be filled to: that, if it bears as much.
        low, high: what it is relieved down to, and what it may hold before it is.
        hard: what no move may make it exceed.
    """

    __slots__ = (
        "capacity",
        "cooling",
        "cost",
        "even",
        "fair",
        "groups",
        "hard",
        "held",
        "high",
        "home",
        "index",
        "live",
        "low",
        "members",
        "number",
        "open",
        "out",
        "policy",
        "shards",
        "stays",
        "tenants",
        "used",
    )

    capacity: list[Three]
    fair: list[Three]
    even: list[Three]
    low: list[Three]
    high: list[Three]
    hard: list[Three]

    def __init__(self, world: World, policy: Policy) -> None:
        self.policy = policy
        self.shards = tuple(sorted(world.shards, key=lambda shard: shard.name))
        self.tenants = tuple(sorted(world.tenants, key=lambda tenant: tenant.tenant_id))
        self.index = {shard.name: at for at, shard in enumerate(self.shards)}
        self.number = {tenant.tenant_id: at for at, tenant in enumerate(self.tenants)}
        self.out = [shard.down or shard.weight <= 0 for shard in self.shards]
        self.open = [
            not (shard.draining or out) for shard, out in zip(self.shards, self.out, strict=True)
        ]
        self.live = [at for at, is_open in enumerate(self.open) if is_open]
        highest = max((tenant.load for tenant in self.tenants), default=0.0)
        scale = _LOAD_STEPS / highest if highest > 0 else 1.0
        self.cost: list[tuple[int, int, int]] = [
            (tenant.bytes, round(tenant.load * scale), 1) for tenant in self.tenants
        ]
        self._settle()
        self._set_limits(scale)
        self._hold(world)

    def _settle(self) -> None:
        """Everybody where they are, and who is on their way where they are going."""
        self.home = [
            self.index[tenant.moving_to if tenant.moving_to in self.index else tenant.shard]
            for tenant in self.tenants
        ]
        self.used: list[list[int]] = [[0, 0, 0] for _ in self.shards]
        self.members: list[set[int]] = [set() for _ in self.shards]
        self.groups: Counter[tuple[str, int]] = Counter()
        for at, (home, cost) in enumerate(zip(self.home, self.cost, strict=True)):
            used = self.used[home]
            used[0] += cost[0]
            used[1] += cost[1]
            used[2] += 1
            self.members[home].add(at)
            if group := self.tenants[at].group:
                self.groups[group, home] += 1

    def _set_limits(self, scale: float) -> None:
        """Fair shares and limits; no move changes them, since no move changes the sums."""
        policy = self.policy
        playing = [at for at, out in enumerate(self.out) if not out]
        columns = []
        for axis, dimension in enumerate(DIMENSIONS):
            total = sum(self.used[at][axis] for at in playing)
            told = [_told(shard, dimension, scale) for shard in self.shards]
            capacity = _capacities(self.shards, told, total)
            ground = sum(capacity[at] for at in self.live)
            part = total / ground if ground > 0 else 0.0
            fair = [max(each * part, _LEAST) for each in capacity]
            most = policy.hard.get(dimension, 1.0)
            hard = [_INFINITE if each is None else max(each, _LEAST) * most for each in told]
            floor = [0.0 if each is None else each * policy.floor for each in told]
            low = [
                max(at_least, each * (1 + policy.leave))
                for at_least, each in zip(floor, fair, strict=True)
            ]
            wider = (1 + policy.enter) / (1 + policy.leave)
            columns.append(
                (
                    capacity,
                    fair,
                    [min(each, top) for each, top in zip(fair, hard, strict=True)],
                    [min(each, top) for each, top in zip(low, hard, strict=True)],
                    [min(each * wider, top) for each, top in zip(low, hard, strict=True)],
                    hard,
                )
            )
        self.capacity, self.fair, self.even, self.low, self.high, self.hard = (
            [*zip(*parts, strict=True)] for parts in zip(*columns, strict=True)
        )

    def _hold(self, world: World) -> None:
        self.held: list[WhyNot | None] = [None] * len(self.tenants)
        self.stays: list[WhyNot | None] = [None] * len(self.tenants)
        self.cooling: dict[int, float] = {}
        cooldown = self.policy.cooldown
        since = world.at - cooldown
        for at, tenant in enumerate(self.tenants):
            if tenant.moving_to:
                held: WhyNot | None = WhyNot.MOVING
            elif tenant.busy:
                held = WhyNot.BUSY
            elif self.out[self.home[at]]:
                held = WhyNot.SOURCE_DOWN
            else:
                held = None
            if tenant.moved_at is not None and tenant.moved_at > since:
                self.cooling[at] = (tenant.moved_at + cooldown - world.at) / _DAY
            self.held[at] = held
            if held is not None:
                self.stays[at] = held
            elif tenant.pinned_to:
                self.stays[at] = WhyNot.PINNED
            elif at in self.cooling:
                self.stays[at] = WhyNot.COOLDOWN

    def move(self, tenant: int, to: int) -> None:
        """From now on it is there."""
        home, cost = self.home[tenant], self.cost[tenant]
        for axis in (0, 1, 2):
            self.used[home][axis] -= cost[axis]
            self.used[to][axis] += cost[axis]
        self.members[home].discard(tenant)
        self.members[to].add(tenant)
        self.home[tenant] = to
        if group := self.tenants[tenant].group:
            self.groups[group, home] -= 1
            self.groups[group, to] += 1

    def may_live(self, tenant: int, shard: int) -> bool:
        """Whether nothing but room is in the way of its coming there."""
        facts = self.tenants[tenant]
        return (
            self.open[shard]
            and shard != self.home[tenant]
            and not (facts.group and self.groups[facts.group, shard])
            and facts.labels <= self.shards[shard].labels
            and facts.pinned_to in ("", self.shards[shard].name)
        )

    def exceeds(self, shard: int, limits: Three, tolerance: float = 0.0) -> bool:
        """Whether it holds more than that in any dimension."""
        return any(
            used > limit * (1 + tolerance)
            for used, limit in zip(self.used[shard], limits, strict=True)
        )

    def ratios(self, shard: int) -> Use:
        """What it holds, in parts of its fair share; of one that counts not, of its capacity's."""
        return _parts(self.used[shard], self.fair[shard])

    def use(self, shard: int) -> Use:
        """What it holds, in parts of its capacity."""
        return _parts(self.used[shard], self.capacity[shard])

    def ratio(self, shard: int) -> float:
        """Its highest."""
        used, fair = self.used[shard], self.fair[shard]
        return max(used[axis] / fair[axis] for axis in (0, 1, 2))

    def touched_ratio(self, shard: int, cost: Three) -> float:
        """The highest of the ratios that change when a tenant of this cost goes."""
        used, fair = self.used[shard], self.fair[shard]
        return max(used[axis] / fair[axis] for axis in (0, 1, 2) if cost[axis])

    def stays_below(self, ratio: float, shard: int, cost: Three) -> bool:
        """Whether all ratios that change when a tenant of this cost comes are lower than that.

        With the highest ratio that its going changes, it is how a move is known to be an
        improvement: the highest of all that it changes gets lower.
        """
        used, fair = self.used[shard], self.fair[shard]
        for axis in (0, 1, 2):
            if cost[axis] and used[axis] + cost[axis] >= ratio * fair[axis]:
                return False
        return True

    def has_room(self, shard: int, limit: Three, cost: Three) -> bool:
        """Whether a tenant of this cost does not make it exceed `limit`."""
        used = self.used[shard]
        return not any(used[axis] + cost[axis] > limit[axis] for axis in (0, 1, 2))

    def by_ratio(self, shards: Iterable[int]) -> list[int]:
        """The fullest first."""
        return sorted(shards, key=lambda at: (-self.ratio(at), at))

    def movable(self, shard: int) -> Iterator[int]:
        """Its tenants that may be moved for balance's sake."""
        stays = self.stays
        return (at for at in self.members[shard] if stays[at] is None)


def _parts(values: Sequence[float], wholes: Three) -> Use:
    return Use(values[0] / wholes[0], values[1] / wholes[1], values[2] / wholes[2])


def _told(shard: ShardCapacity, dimension: Dimension, scale: float) -> float | None:
    match dimension:
        case Dimension.BYTES:
            return shard.bytes
        case Dimension.LOAD:
            return None if shard.load is None else shard.load * scale
        case Dimension.TENANTS:
            return shard.tenants


def _capacities(
    shards: Iterable[ShardCapacity], told: list[float | None], total: float
) -> list[float]:
    """Those that are said, and by weight what the others would be beside them.

    Where nobody said any, they are such that the fleet is half full.
    """
    pairs = list(zip(shards, told, strict=True))
    weight = sum(max(shard.weight, 0) for shard, each in pairs if each is not None)
    known = sum(each for _, each in pairs if each is not None)
    if weight <= 0:
        weight = sum(max(shard.weight, 0) for shard, _ in pairs)
        known = total * 2
    by_weight = known / weight if weight > 0 else 0.0
    return [
        max(shard.weight * by_weight if each is None else each, _LEAST) for shard, each in pairs
    ]
