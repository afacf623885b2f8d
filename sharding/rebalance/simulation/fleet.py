"""The tenants of a simulated fleet, and what each costs on each day.

What a tenant asks for in an hour is its level of that day times its rhythm of that hour. So the
hours of a shard are sums over rhythms, of which there are a few, not over tenants.
"""

import math
import random
from dataclasses import dataclass, field
from typing import Final, Protocol

from sharding.rebalance.core.types import ShardCapacity

WEEK_HOURS: Final = 168
Rhythm = tuple[float, ...]
"""Of each hour of a week, from Monday 0:00, the part of the mean; together 168."""


@dataclass(slots=True)
class Tenants:
    """All tenants so far, one place of each list for each; a level of 0 and no bytes: gone.

    Attributes:
        rhythms: which of the fleet's it has.
        homes: where it begins; empty: it is placed as new tenants are.
        born: on which day it came.
    """

    ids: list[str] = field(default_factory=list)
    bytes: list[int] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)
    rhythms: list[int] = field(default_factory=list)
    homes: list[str] = field(default_factory=list)
    born: list[int] = field(default_factory=list)


class Fleet(Protocol):
    """What happens, whatever is moved."""

    days: int
    rhythms: tuple[Rhythm, ...]
    tenants: Tenants

    def advance(self, day: int) -> None:
        """Let it be that day; called for each in order, from 0 on."""

    def shards(self, day: int) -> tuple[ShardCapacity, ...]:
        """Those that there are then."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a synthetic fleet is to be like.

    Attributes:
        growth: how many more tenants there are in the end, as a part of those at first.
        full: which part of all capacity is used at first.
        new_shard: the day on which one more shard is added; None: on none.
    """

    shards: int = 20
    tenants: int = 4_000
    days: int = 90
    seed: int = 1
    growth: float = 0.4
    full: float = 0.28
    new_shard: int | None = 45


_DISK: Final = 1_000_000_000_000
_POWER: Final = 1_000.0
_LARGEST: Final = 0.3
"""No tenant has more of a shard's disk …"""
_BUSIEST: Final = 0.04
"""… or of its power, on the mean of a week."""
_SPIKE: Final = 0.10
"""A spike goes no higher: limits of requests per tenant see to that (docs/how-to/limits.md)."""


class SyntheticFleet:
    """Skewed sizes, growth, three regions with days, nights and weekends, and spikes of days."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._chance = random.Random(told.seed)
        self.days = told.days
        self.rhythms = tuple(_rhythm(8 * region) for region in range(3))
        self.tenants = Tenants()
        self._growths: list[float] = []
        self._base: list[float] = []
        self._spikes: dict[int, tuple[float, int]] = {}
        self._size_unit = told.full * _DISK * told.shards / max(told.tenants, 1) / 3.5
        self._load_unit = told.full * _POWER * told.shards / max(told.tenants, 1) / 3.5
        for _ in range(told.tenants):
            self._come(0)

    def shards(self, day: int) -> tuple[ShardCapacity, ...]:
        told = self._told
        added = told.new_shard is not None and day >= told.new_shard
        bears = max(100, 4 * told.tenants // told.shards)
        return tuple(
            ShardCapacity(f"shard{at:03d}", bytes=_DISK, load=_POWER, tenants=bears)
            for at in range(told.shards + added)
        )

    def advance(self, day: int) -> None:
        told, chance, tenants = self._told, self._chance, self.tenants
        if day:
            wanted = told.tenants * (1 + told.growth * (day + 1) / told.days)
            while len(tenants.ids) < int(wanted):
                self._come(day)
        for _ in range(max(1, len(tenants.ids) // 800)):
            at = chance.randrange(len(tenants.ids)) if tenants.ids else 0
            self._spikes[at] = (chance.uniform(2, 8), day + chance.randint(1, 3))
        most = int(_LARGEST * _DISK)
        for at, growth in enumerate(self._growths):
            self._base[at] *= growth
            tenants.bytes[at] = min(int(tenants.bytes[at] * growth) + 1, most)
            tenants.levels[at] = self._base[at]
        for at, (factor, until) in list(self._spikes.items()):
            if day < until and at < len(tenants.levels):
                base = self._base[at]
                tenants.levels[at] = min(base * factor, max(base, _SPIKE * _POWER))
            else:
                del self._spikes[at]

    def _come(self, day: int) -> None:
        chance, tenants = self._chance, self.tenants
        skew = chance.paretovariate(1.3)
        other = skew if chance.random() < 0.5 else chance.paretovariate(1.3)
        tenants.ids.append(f"t{len(tenants.ids):06d}")
        tenants.bytes.append(int(min(skew * self._size_unit, _LARGEST * _DISK)))
        self._base.append(min(other * self._load_unit, _BUSIEST * _POWER))
        tenants.levels.append(self._base[-1])
        tenants.rhythms.append(chance.randrange(3))
        tenants.homes.append("")
        tenants.born.append(day)
        self._growths.append(1 + max(-0.01, chance.gauss(0.002, 0.004)))


def _rhythm(shift: int) -> Rhythm:
    """Busy by day, quiet by night and at weekends."""
    raw = []
    for hour in range(WEEK_HOURS):
        local = (hour + shift) % WEEK_HOURS
        by_day = 0.3 + max(0.0, math.sin((local % 24 - 7) / 13 * math.pi)) * 1.6
        raw.append(by_day * (0.4 if local // 24 >= 5 else 1.0))
    scale = WEEK_HOURS / sum(raw)
    return tuple(each * scale for each in raw)
