"""A plan of moves as a picture: shards before on the left, after on the right, flows in between.

Pure: where everything is, in the units of the picture. The template only writes it down.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

WIDTH: Final = 720
_ROW: Final = 46
_TOP: Final = 34
_BAR: Final = 150
_LEFT: Final = 110
_RIGHT: Final = WIDTH - _LEFT - _BAR
_THICK: Final = (1.5, 16.0)


@dataclass(frozen=True, slots=True)
class ShardPicture:
    """One shard: a bar before, a bar after.

    Attributes:
        y: of the bars' upper edge.
        before, after: the part of its capacity that is used, of what it has most of.
    """

    name: str
    y: int
    before: float
    after: float

    @property
    def before_width(self) -> float:
        """Of the bar; full is full."""
        return round(min(1.0, self.before) * _BAR, 1)

    @property
    def after_width(self) -> float:
        """As before_width."""
        return round(min(1.0, self.after) * _BAR, 1)

    @property
    def text_y(self) -> int:
        """Of the base line of what is written beside the bars."""
        return self.y + 15


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

    @property
    def label_right(self) -> int:
        """Where the figures of afterwards begin."""
        return _RIGHT + _BAR + 10


def picture_of(plan: Mapping[str, Any], moves: Sequence[Mapping[str, Any]]) -> Picture:
    """Draw a plan as it is kept, and these of its moves (source, target, bytes)."""
    shards = tuple(
        ShardPicture(
            name,
            _TOP + number * _ROW,
            max(each["use_before"].values()),
            max(each["use_after"].values()),
        )
        for number, (name, each) in enumerate(sorted(plan.get("shards", {}).items()))
    )
    at = {shard.name: shard.y + 11 for shard in shards}
    summed: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for move in moves:
        if move["source"] in at and move["target"] in at:
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
