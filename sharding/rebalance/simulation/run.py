"""Live through the days of a fleet under one who decides what is moved."""

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sharding.placements.scoring import Candidate, Held, choose
from sharding.rebalance.core.ledger import Ledger
from sharding.rebalance.core.types import Policy, TenantLoad, World
from sharding.rebalance.simulation.deciding import Decide, Decider
from sharding.rebalance.simulation.fleet import WEEK_HOURS, Fleet
from sharding.rebalance.smoothing import DAY, WEEK, part_left, part_of_new

_MONDAY: Final = datetime(2026, 1, 5, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)
_SPANS: Final = (DAY, WEEK)
_CHURN: Final = timedelta(days=7)
SETTLED: Final = 14
"""From this day on figures count: until then everybody spreads what began uneven."""


@dataclass(frozen=True, slots=True)
class Day:
    """What one day was like, before its moves.

    Attributes:
        worst: the highest ratio of a shard, in any dimension.
        peak: the load of the fullest shard in its fullest hour, as part of its capacity.
    """

    day: int
    tenants: int
    worst: float
    peak: float
    moves: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What it was all like.

    Attributes:
        bound: bytes that any plans move for the same balance; None: nobody asked.
        twice: how often a tenant was moved again within 7 days.
        p50, p99, peak: of the load of all shards in all hours, as part of their capacity.
    """

    name: str
    days: tuple[Day, ...]
    moves: int
    bytes: int
    bound: int | None
    twice: int
    p50: float
    p99: float
    peak: float

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self)


def simulate(
    decider: Decider,
    fleet: Fleet,
    *,
    policy: Policy | None = None,
    tick: Callable[[], None] = lambda: None,
) -> Outcome:
    """Let `decider` move tenants at the end of each day; `tick` is called after each.

    Deterministic.
    """
    running = _Running(fleet, policy or Policy(), smoothed=decider.smoothed)
    for day in range(fleet.days):
        running.live(day, decider.decide)
        tick()
    return running.outcome(decider.name)


class _Running:
    def __init__(self, fleet: Fleet, policy: Policy, *, smoothed: bool) -> None:
        self._fleet = fleet
        self._policy = policy
        self._smoothed = smoothed
        self._chance = random.Random(0)
        self._homes: list[str] = []
        self._moved: list[datetime | None] = []
        self._means: list[list[float]] = []
        self._days: list[Day] = []
        self._hours: list[float] = []
        self._bound: int | None = None
        self._twice = 0
        self._kept = [
            [[_kept(rhythm, weekday, span) for weekday in range(7)] for rhythm in fleet.rhythms]
            for span in _SPANS
        ]

    def live(self, day: int, decide: Decide) -> None:
        fleet, now = self._fleet, _MONDAY + day * DAY
        fleet.advance(day)
        self._place(day)
        peak = self._count_hours(day)
        self._smooth(day)
        world = self._world(day, now)
        ledger = Ledger(world, self._policy)
        worst = max((ledger.ratio(at) for at in ledger.live), default=0.0)
        decision = decide(world, ledger)
        copied = 0
        numbers = {tenant: at for at, tenant in enumerate(fleet.tenants.ids)}
        for tenant, target in decision.moves:
            at = numbers[tenant]
            before = self._moved[at]
            self._twice += before is not None and now - before < _CHURN
            self._homes[at], self._moved[at] = target, now
            copied += fleet.tenants.bytes[at]
        if decision.bound is not None:
            self._bound = (self._bound or 0) + decision.bound
        moves = len(decision.moves)
        self._days.append(Day(day, len(self._homes), worst, peak, moves, copied))

    def _place(self, day: int) -> None:
        """New tenants go where new tenants go; of those of today nobody knows the size."""
        tenants = self._fleet.tenants
        known = len(self._homes)
        if known == len(tenants.ids):
            return
        held: dict[str, list[float]] = {}
        for at in range(known):
            sums = held.setdefault(self._homes[at], [0.0, 0.0, 0.0])
            sums[0] += tenants.bytes[at]
            sums[1] += tenants.levels[at]
            sums[2] += 1
        candidates = {}
        for shard in self._fleet.shards(day):
            size, load, count = held.get(shard.name, (0.0, 0.0, 0))
            capacity = (
                float(shard.bytes or shard.weight),
                shard.load or shard.weight,
                float(shard.tenants or shard.weight),
            )
            seen = Held(size, load, int(count))
            candidates[shard.name] = Candidate(shard.name, int(count), capacity, seen)
        for at in range(known, len(tenants.ids)):
            name = tenants.homes[at] or choose(list(candidates.values()), self._chance.sample)
            one = candidates[name]
            candidates[name] = Candidate(one.name, one.tenants + 1, one.capacity, one.held)
            self._homes.append(name)
            self._moved.append(None)
            self._means.append([0.0, 0.0])

    def _count_hours(self, day: int) -> float:
        fleet, tenants = self._fleet, self._fleet.tenants
        shards = fleet.shards(day)
        sums = {shard.name: [0.0] * len(fleet.rhythms) for shard in shards}
        for at, home in enumerate(self._homes):
            sums[home][tenants.rhythms[at]] += tenants.levels[at]
        whole = [shard.load for shard in shards]
        mean = sum(sum(each) for each in sums.values()) / max(len(shards), 1) * 2 or 1.0
        peak = 0.0
        for shard, capacity in zip(shards, whole, strict=True):
            for hour in range(day % 7 * 24, day % 7 * 24 + 24):
                load = sum(
                    each * rhythm[hour]
                    for each, rhythm in zip(sums[shard.name], fleet.rhythms, strict=True)
                )
                used = load / (capacity or mean)
                peak = max(peak, used)
                if day >= SETTLED or fleet.days <= SETTLED:
                    self._hours.append(used)
        return peak

    def _smooth(self, day: int) -> None:
        tenants, weekday = self._fleet.tenants, day % 7
        fades = [part_left(DAY, span) for span in _SPANS]
        parts = [
            [rhythm[weekday] for rhythm in per_span]  # of each rhythm
            for per_span in self._kept
        ]
        for at, means in enumerate(self._means):
            level, rhythm = tenants.levels[at], tenants.rhythms[at]
            means[0] = means[0] * fades[0] + level * parts[0][rhythm]
            means[1] = means[1] * fades[1] + level * parts[1][rhythm]

    def _world(self, day: int, now: datetime) -> World:
        tenants = self._fleet.tenants
        seen = [[part_of_new(age * DAY, span) for age in range(1, day + 2)] for span in _SPANS]
        loads: Sequence[float] = tenants.levels
        if self._smoothed:
            loads = [
                max(means[0] / seen[0][day - born], means[1] / seen[1][day - born])
                for means, born in zip(self._means, tenants.born, strict=True)
            ]
        return World(
            tuple(
                TenantLoad(tenant, home, size, load, moved_at=moved)
                for tenant, home, size, load, moved in zip(
                    tenants.ids, self._homes, tenants.bytes, loads, self._moved, strict=True
                )
            ),
            self._fleet.shards(day),
            now,
        )

    def outcome(self, name: str) -> Outcome:
        hours = sorted(self._hours) or [0.0]
        return Outcome(
            name=name,
            days=tuple(self._days),
            moves=sum(day.moves for day in self._days),
            bytes=sum(day.bytes for day in self._days),
            bound=self._bound,
            twice=self._twice,
            p50=hours[len(hours) // 2],
            p99=hours[min(len(hours) - 1, len(hours) * 99 // 100)],
            peak=hours[-1],
        )


def _kept(rhythm: Sequence[float], weekday: int, span: timedelta) -> float:
    """What a day at level 1 adds to the mean over `span`, as it is at the day's end."""
    part = part_of_new(_HOUR, span)
    return sum(
        part * part_left((23 - hour) * _HOUR, span) * rhythm[(weekday * 24 + hour) % WEEK_HOURS]
        for hour in range(24)
    )
