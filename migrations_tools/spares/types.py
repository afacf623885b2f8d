"""What making spares answers."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SpareReport:
    """What became of the spares of one shard, or would: the same object for both.

    Attributes:
        wanted: how many there are to be.
        ready: how many the next tenants may take.
        to_drop: ids whose spare is of no use any more.
        to_make: how many are missing.
        made, dropped: ids of those that were, now.
        problem: why there are not as many as there are to be; empty when there are.
    """

    shard: str
    wanted: int = 0
    ready: int = 0
    to_drop: tuple[str, ...] = ()
    to_make: int = 0
    made: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    problem: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)
