"""How long each server may take to answer a probe, as it is written in a setting."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PROBES_WANTED: Final = (
    "seconds for all servers, and for some their own, such as `0.25 beta=0.6`; from 0.01 to 10"
)
_LEAST_S: Final = 0.01
_MOST_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class ProbeTimes:
    """Seconds for all servers, and for those that have their own."""

    all: float
    own: Mapping[str, float]

    def seconds(self, server: str) -> float:
        """What this server gets."""
        return self.own.get(server, self.all)


def parse_probe_times(text: str) -> ProbeTimes:
    """Read `0.25 beta=0.6`.

    Raises:
        ValueError: it cannot be read, or says a time that no probe can have.
    """
    first, *others = text.split()
    own: dict[str, float] = {}
    for each in others:
        name, found, seconds = each.partition("=")
        if not (name and found) or name in own:
            raise ValueError(each)
        own[name] = _seconds(seconds)
    return ProbeTimes(_seconds(first), own)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not _LEAST_S <= seconds <= _MOST_S:
        raise ValueError(text)
    return seconds
