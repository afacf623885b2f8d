"""The breaker of one server as a pure state machine: no clock, no driver, no thread.

Suspicion comes from whoever waits, certainty from one probe beside them. There is no half-open
state, in which requests try whether the server is back: those that did would wait for it.

Source: Michael Nygard, Release It!; docs/adr/0005.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class BreakerState(StrEnum):
    """What a process holds of a server."""

    CLOSED = "closed"
    """It answers, as far as anybody knows."""

    SUSPECTED = "suspected"
    """Something looked as if it were away; it is being asked, and requests still go there. So it
    stays while it answers that it has no room."""

    OPEN = "open"
    """It did not answer the probe: nobody waits for it, until two probes in a row are answered."""

    HELD = "held"
    """An operator keeps it open, for maintenance; it is not even asked."""


class BreakerEvent(StrEnum):
    """What a breaker is told."""

    SUSPECTED = "suspected"
    PROBE_WELL = "probe answered well"
    PROBE_CROWDED = "probe found it crowded"
    PROBE_FAILED = "probe failed"
    HELD = "held"
    RELEASED = "released"


GOOD_PROBES_TO_CLOSE: Final = 2
_ANSWERED: Final = (BreakerEvent.PROBE_WELL, BreakerEvent.PROBE_CROWDED)

_CLOSED, _SUSPECTED, _OPEN, _HELD = BreakerState
_E = BreakerEvent

TRANSITIONS: Final[Mapping[BreakerState, Mapping[BreakerEvent, BreakerState]]] = MappingProxyType(
    {
        _CLOSED: MappingProxyType(
            {
                _E.SUSPECTED: _SUSPECTED,
                # The answer to a question that nobody has any more.
                _E.PROBE_WELL: _CLOSED,
                _E.PROBE_CROWDED: _CLOSED,
                _E.PROBE_FAILED: _CLOSED,
                _E.HELD: _HELD,
                _E.RELEASED: _CLOSED,
            }
        ),
        _SUSPECTED: MappingProxyType(
            {
                _E.SUSPECTED: _SUSPECTED,
                _E.PROBE_WELL: _CLOSED,
                # Who is connected is served, and who is not is told so at once.
                _E.PROBE_CROWDED: _SUSPECTED,
                _E.PROBE_FAILED: _OPEN,
                _E.HELD: _HELD,
                _E.RELEASED: _SUSPECTED,
            }
        ),
        _OPEN: MappingProxyType(
            {
                _E.SUSPECTED: _OPEN,
                # The last of GOOD_PROBES_TO_CLOSE in a row, of either kind:
                _E.PROBE_WELL: _CLOSED,
                _E.PROBE_CROWDED: _SUSPECTED,
                _E.PROBE_FAILED: _OPEN,
                _E.HELD: _HELD,
                _E.RELEASED: _OPEN,
            }
        ),
        _HELD: MappingProxyType(
            {
                _E.SUSPECTED: _HELD,
                _E.PROBE_WELL: _HELD,
                _E.PROBE_CROWDED: _HELD,
                _E.PROBE_FAILED: _HELD,
                _E.HELD: _HELD,
                # After maintenance nobody is sent there before it was seen to answer.
                _E.RELEASED: _OPEN,
            }
        ),
    }
)
"""From each state, where each event leads."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A breaker at one moment.

    Attributes:
        since: when it came into this state.
        reason: why it was suspected, opened or held the last time; a closed one keeps it.
        good_probes: probes in a row that an open one saw answered, well or crowded.
    """

    state: BreakerState
    since: datetime
    reason: str = ""
    good_probes: int = 0

    @property
    def is_away(self) -> bool:
        """Nobody may wait for the server."""
        return self.state in (BreakerState.OPEN, BreakerState.HELD)

    @property
    def is_to_be_asked(self) -> bool:
        """A probe decides what comes next."""
        return self.state in (BreakerState.SUSPECTED, BreakerState.OPEN)


def after(standing: Standing, event: BreakerEvent, *, now: datetime, reason: str = "") -> Standing:
    """The standing that `event` makes of this one, at `now`.

    `reason` goes with suspicions, holds, and probes that were not answered well. A hold is known by
    its own instant: give that as `now`, however often it is told.
    """
    state = TRANSITIONS[standing.state][event]
    good_probes = 0
    if standing.state is BreakerState.OPEN:
        if event in _ANSWERED:
            good_probes = standing.good_probes + 1
            if good_probes < GOOD_PROBES_TO_CLOSE:
                state = BreakerState.OPEN
        elif event is not BreakerEvent.PROBE_FAILED:
            good_probes = standing.good_probes
    if event is BreakerEvent.HELD:
        return Standing(state, now, reason)
    if state is not standing.state:
        return Standing(state, now, reason or standing.reason)
    if state is BreakerState.OPEN and event is BreakerEvent.PROBE_FAILED:
        return replace(standing, reason=reason or standing.reason, good_probes=0)
    if state is BreakerState.SUSPECTED and event is BreakerEvent.PROBE_CROWDED:
        return replace(standing, reason=reason or standing.reason)
    return replace(standing, good_probes=good_probes)
