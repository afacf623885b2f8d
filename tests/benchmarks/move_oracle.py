"""Whether every acknowledged write is there, once, and nothing was done twice. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

Write = tuple[int, int]
"""Writer and number."""

ACKNOWLEDGED = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the oracle found in one batch.

    Attributes:
        acknowledged: writes, of HTTP and of SQL.
        lost: acknowledged, or done outside after its commit, and not there.
        doubled: there, or done outside, more than once: all but the first.
        without_effect: acknowledged over HTTP, and what follows the commit was not done.
        torn: writers whose counter is not the number of their rows.
    """

    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    without_effect: int = 0
    torn: int = 0

    def __add__(self, other: Self) -> "Verdict":
        return Verdict(
            *(getattr(self, name) + getattr(other, name) for name in self.__slots__),
        )

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing to find fault with."""
        return not (self.lost or self.doubled or self.without_effect or self.torn)


def judge(
    answers: Iterable[Mapping[str, Any]],
    *,
    rows: Sequence[Write],
    effects: Sequence[Write],
    counters: Mapping[int, int],
) -> Verdict:
    """Compare what clients were told with what is there.

    counters: by writer, how far each has grown since the batch began.
    """
    told = [one for one in answers if one["status"] == ACKNOWLEDGED and one["kind"] != "read"]
    acknowledged = {(one["writer"], one["number"]) for one in told}
    over_http = {(one["writer"], one["number"]) for one in told if one["kind"] == "write"}
    found, done = Counter(rows), Counter(effects)
    by_writer = Counter(writer for writer, _ in rows)
    return Verdict(
        acknowledged=len(acknowledged),
        lost=len((acknowledged | done.keys()) - found.keys()),
        doubled=sum(times - 1 for times in (*found.values(), *done.values())),
        without_effect=len(over_http - done.keys()),
        torn=sum(by_writer[writer] != value for writer, value in counters.items()),
    )
