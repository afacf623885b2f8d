"""A plan of moves as a picture: shards before on the left, after on the right, flows in between.

Pure: where everything is, in the units of the picture. The template only writes it down.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sharding.rebalance.core.types import HARD_LIMITS

WIDTH: Final = 430
"""Little, so that a phone shows all of it in letters that can be read."""
_ROW: Final = 46
_TOP: Final = 34
_BAR: Final = 90
_LEFT: Final = 130
_RIGHT: Final = WIDTH - _BAR
_THICK: Final = (1.5, 16.0)
_LONGEST: Final = 13
"""So many letters of a name have room."""
_ROUNDING: Final = 1e-9
"""Who is filled to the very limit is not too full."""


@dataclass(frozen=True, slots=True)
class ShardPicture:
    """One shard: a bar before, a bar after.

    Attributes:
        y: of the bars' upper edge.
        before, after: the part of its capacity that is used, of what it has most of.
        is_full_before, is_full_after: it has more than any may have.
    """

    name: str
    y: int
    before: float
    after: float
    is_full_before: bool
    is_full_after: bool

    @property
    def short(self) -> str:
        """Its name, as far as there is room."""
        return self.name if len(self.name) <= _LONGEST else f"{self.name[: _LONGEST - 1]}…"

    @property
    def before_width(self) -> float:
        """Of the bar; full is full."""
        return round(min(1.0, self.before) * _BAR, 1)

    @property
    def after_width(self) -> float:
        """As before_width."""
        return round(min(1.0, self.after) * _BAR, 1)

    @property
    def name_y(self) -> int:
        """Of the base line of its name, beside the bars."""
        return self.y + 9

    @property
    def figures_y(self) -> int:
        """Of the base line of its figures, below the name."""
        return self.y + 25


@dataclass(frozen=True, slots=True)
class Flow:
    """All moves from one shard to another."""

    source: str
    target: str
    tenants: int
    bytes: int
    path: str
    thick: float


@dataclass(frozen=True, slots=True)
class Picture:
    """All of it. x of the bars: `left` and `right`; each is `bar` wide."""

    shards: tuple[ShardPicture, ...]
    flows: tuple[Flow, ...]
    height: int
    width: int = WIDTH
    left: int = _LEFT
    right: int = _RIGHT
    bar: int = _BAR

    @property
    def label_left(self) -> int:
        """Where names end."""
        return _LEFT - 10


def picture_of(plan: Mapping[str, Any]) -> Picture:
    """Draw a plan as it is kept: its shards (`use_before`, `use_after`) and its moves."""
    shards = tuple(
        _shard(name, _TOP + number * _ROW, each["use_before"], each["use_after"])
        for number, (name, each) in enumerate(sorted(plan.get("shards", {}).items()))
    )
    at = {shard.name: shard.y + 11 for shard in shards}
    summed: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for move in plan.get("steps", ()):
        summed[move["source"], move["target"]][0] += 1
        summed[move["source"], move["target"]][1] += move["bytes"]
    most = max((size for _, size in summed.values()), default=0) or 1
    thin, thick = _THICK
    flows = tuple(
        Flow(
            source,
            target,
            tenants,
            size,
            path=_curve(at[source], at[target]),
            thick=round(thin + (thick - thin) * size / most, 1),
        )
        for (source, target), (tenants, size) in sorted(summed.items())
    )
    return Picture(shards, flows, height=_TOP + len(shards) * _ROW)


def _curve(here: int, there: int) -> str:
    begins, ends = _LEFT + _BAR, _RIGHT
    middle = (begins + ends) // 2
    return f"M {begins} {here} C {middle} {here}, {middle} {there}, {ends} {there}"


def _shard(
    name: str, y: int, before: Mapping[str, float], after: Mapping[str, float]
) -> ShardPicture:
    return ShardPicture(
        name,
        y,
        max(before.values()),
        max(after.values()),
        is_full_before=_is_full(before),
        is_full_after=_is_full(after),
    )


def _is_full(use: Mapping[str, float]) -> bool:
    return any(use.get(each, 0.0) > most + _ROUNDING for each, most in HARD_LIMITS.items())
