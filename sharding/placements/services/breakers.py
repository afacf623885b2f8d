"""What all processes together hold of each shard, as their rows in control say."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sharding.placements.models import Process
from sharding.placements.services.processes import live_processes
from sharding.pools.breaker import BreakerLook, BreakerState

_WORST_FIRST: Final = (
    BreakerState.HELD,
    BreakerState.OPEN,
    BreakerState.SUSPECTED,
    BreakerState.CLOSED,
)


@dataclass(frozen=True, slots=True)
class ServerBreakers:
    """The breakers of one server, in all processes that live.

    Attributes:
        processes: how many processes hold it so.
        worst: the look of the process that holds the worst of it, the longest; None where nobody
            has a breaker for it yet.
        where: that process.
    """

    processes: Mapping[BreakerState, int] = field(default_factory=dict)
    worst: BreakerLook | None = None
    where: str = ""

    @property
    def summary(self) -> str:
        """Such as `open in 3 of 12`; empty where nobody has used the server yet."""
        if self.worst is None:
            return ""
        every = sum(self.processes.values())
        here = self.processes[self.worst.state]
        return str(self.worst.state) + ("" if here == every else f" in {here} of {every}")

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "processes": {str(state): count for state, count in self.processes.items()},
            "worst": self.worst.to_json() if self.worst else None,
            "where": self.where,
        }


def server_breakers() -> dict[str, ServerBreakers]:
    """By server, of the processes that were heard of lately."""
    return sum_up(live_processes())


def sum_up(rows: Iterable[Process]) -> dict[str, ServerBreakers]:
    """By server, of these processes."""
    looks: dict[str, list[tuple[BreakerLook, str]]] = {}
    for row in rows:
        for server, look in read_looks(row.breakers).items():
            looks.setdefault(server, []).append((look, str(row)))
    return {server: _sum(found) for server, found in sorted(looks.items())}


def read_looks(written: Mapping[str, Any]) -> dict[str, BreakerLook]:
    """The breakers of a process's row; what another version of the code wrote is left out."""
    found = {}
    for server, look in written.items():
        try:
            found[server] = BreakerLook(
                BreakerState(look["state"]),
                look["reason"],
                datetime.fromisoformat(look["since"]),
                look["opened"],
            )
        except (KeyError, TypeError, ValueError):
            continue
    return found


def _sum(found: list[tuple[BreakerLook, str]]) -> ServerBreakers:
    worst, where = min(found, key=lambda each: (_rank(each[0]), each[0].since))
    counted = Counter(look.state for look, _ in found)
    return ServerBreakers(
        {state: counted[state] for state in _WORST_FIRST if counted[state]}, worst, where
    )


def _rank(look: BreakerLook) -> int:
    return _WORST_FIRST.index(look.state)
