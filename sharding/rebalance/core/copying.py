"""How long a move will copy, by how long earlier ones have. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Final

TELLS_FROM: Final = 16_000_000
"""Bytes. A smaller tenant's copy takes as long as what is done for each of its tables, and says
nothing of how fast bytes go."""


class CopyBasis(StrEnum):
    """Where a predicted time is from."""

    PAIR = "pair"
    """Earlier moves from the same shard to the same one."""

    FLEET = "fleet"
    """Earlier moves between any shards."""

    ASSUMED = "assumed"
    """Nobody has moved anything that would tell."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What one move has copied before its tenant was switched, and how long that took."""

    source: str
    target: str
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class CopyRates:
    """What earlier moves tell.

    Attributes:
        pairs: bytes per second, from one shard to another.
        fleet: bytes per second, of all moves that tell one; None: there is none.
        least: seconds that a small tenant's copy takes, on the median; no other is faster.
    """

    pairs: Mapping[tuple[str, str], float] = field(default_factory=dict)
    fleet: float | None = None
    least: float = 0.0

    def predict(
        self, size: int, *, source: str, target: str, assumed: float
    ) -> tuple[float, CopyBasis]:
        """Seconds for so many bytes, and where that is from.

        assumed: bytes per second, where nothing is known.
        """
        if (rate := self.pairs.get((source, target))) is not None:
            basis = CopyBasis.PAIR
        elif (rate := self.fleet) is not None:
            basis = CopyBasis.FLEET
        else:
            rate, basis = assumed, CopyBasis.ASSUMED
        seconds = size / rate
        if seconds >= self.least:
            return seconds, basis
        return self.least, CopyBasis.FLEET


def rates_of(copied: Iterable[Copied]) -> CopyRates:
    """What these moves tell. Their bytes and seconds are summed: large ones tell more."""
    sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    small = []
    for each in copied:
        if each.seconds <= 0:
            continue
        if each.bytes < TELLS_FROM:
            small.append(each.seconds)
            continue
        pair = sums[each.source, each.target]
        pair[0] += each.bytes
        pair[1] += each.seconds
    seconds = sum(each[1] for each in sums.values())
    return CopyRates(
        pairs={pair: size / took for pair, (size, took) in sums.items()},
        fleet=sum(each[0] for each in sums.values()) / seconds if seconds else None,
        least=median(small) if small else 0.0,
    )
