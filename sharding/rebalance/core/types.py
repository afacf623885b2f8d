"""What the planner is told: tenants, shards, a policy. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sharding.rebalance.core.copying import CopyRates

GIGABYTE: Final = 1_000_000_000
MEGABYTE: Final = 1_000_000


class Dimension(StrEnum):
    """What a shard can have too much of."""

    BYTES = "bytes"
    LOAD = "load"
    TENANTS = "tenants"


DIMENSIONS: Final = tuple(Dimension)
"""In the order of every tuple of three numbers in this package."""

HARD_LIMITS: Final[Mapping[Dimension, float]] = MappingProxyType(
    {Dimension.BYTES: 0.9, Dimension.LOAD: 0.9, Dimension.TENANTS: 1.0}
)


@dataclass(frozen=True, slots=True)
class TenantLoad:
    """One tenant, where it is, and what it costs there.

    Attributes:
        shard: where it lives.
        bytes: of its schema, indexes and TOAST with it.
        load: what it asks of its server, in any unit that is the same for all tenants and in
            which shards say theirs; smoothed, so that a busy hour moves nobody.
        group: tenants of one group are kept on shards of their own; empty: it is in none.
        pinned_to: the one shard on which it may be; empty: on any.
        labels: what its shard must have, such as a region.
        moved_at: when it last came to a shard.
        moving_to: where a move that is under way takes it; it is counted there, not at `shard`.
        busy: why nobody may move it now, such as "migrating"; empty: anybody may.
    """

    tenant_id: str
    shard: str
    bytes: int
    load: float = 0.0
    group: str = ""
    pinned_to: str = ""
    labels: frozenset[str] = frozenset()
    moved_at: datetime | None = None
    moving_to: str = ""
    busy: str = ""


@dataclass(frozen=True, slots=True)
class ShardCapacity:
    """One shard, and how much it bears.

    Attributes:
        bytes: its disk has for tenants; None: nobody said. What is not said is reckoned from the
            other shards' and the weights, and then limits nothing.
        load: its server bears, in the unit of tenants' load; None likewise.
        tenants: whose roles its server bears; None likewise.
        weight: its share of everything whose capacity is not said, beside the others'; 0: it
            takes no part, nobody comes and nobody leaves.
        draining: it is to be empty, and gets nobody.
        down: it does not answer, or serves nobody: nobody comes, nobody can leave.
        labels: what it has, such as a region.
    """

    name: str
    bytes: int | None = None
    load: float | None = None
    tenants: int | None = None
    weight: float = 1.0
    draining: bool = False
    down: bool = False
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class World:
    """All tenants and all shards, as they were at one moment.

    Every tenant's shard is among the shards; names and ids are there once.
    """

    tenants: tuple[TenantLoad, ...]
    shards: tuple[ShardCapacity, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Policy:
    """When a shard is too full, and which moves are worth their cost.

    A shard's fair share is its capacity's part of all that there is; a ratio of 1 is that share.

    Attributes:
        enter: a shard whose ratio is higher than 1 + this is relieved (theta).
        leave: … down to 1 + this. Lower than `enter`, so that it is not relieved again tomorrow.
        floor: utilisation up to which no shard is too full, whatever the others hold.
        hard: utilisation, by dimension, that no move may bring about.
        fill: the dimensions in which a shard that has much less than its fair share is filled.
        cooldown: a tenant that came so recently stays, unless somebody's order moves it: its
            shard drains, or it is pinned elsewhere, lacks a label or is not apart.
        improvement: of all that a tenant would bring to its new shard in the dimensions in
            question, so much must be excess of its old one.
        base_bytes: what a move costs beside the bytes: ten small ones are dearer than one that
            is as large as they are together.
        max_moves, max_bytes: where the plan is cut off; None: nowhere.
        copied: how fast earlier moves have copied.
        copy_rate: bytes per second that a move is taken to copy where these tell nothing.
        pause: how long a tenant is expected to wait while it is switched.
    """

    enter: float = 0.10
    leave: float = 0.05
    floor: float = 0.30
    hard: Mapping[Dimension, float] = field(default_factory=lambda: HARD_LIMITS)
    fill: frozenset[Dimension] = frozenset({Dimension.BYTES, Dimension.LOAD})
    cooldown: timedelta = timedelta(days=7)
    improvement: float = 0.5
    base_bytes: int = 64 * MEGABYTE
    max_moves: int | None = None
    max_bytes: int | None = None
    copied: CopyRates = field(default_factory=CopyRates)
    copy_rate: float = 40.0 * MEGABYTE
    pause: timedelta = timedelta(milliseconds=50)


@dataclass(frozen=True, slots=True)
class Use:
    """Of one shard, what is used in each dimension, as a part of something: 1.0 is all of it."""

    bytes: float
    load: float
    tenants: float

    def __iter__(self) -> Iterator[float]:
        return iter((self.bytes, self.load, self.tenants))

    @property
    def worst(self) -> float:
        """Of the dimension in which it is fullest."""
        return max(self)

    @property
    def fullest(self) -> Dimension:
        """The dimension in which it is fullest."""
        return max(zip(self, DIMENSIONS, strict=True), key=lambda pair: pair[0])[1]

    def to_json(self) -> dict[str, float]:
        """By the dimensions' names."""
        return {
            str(dimension): round(value, 6)
            for dimension, value in zip(DIMENSIONS, self, strict=True)
        }
