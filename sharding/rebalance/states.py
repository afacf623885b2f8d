"""States of a rebalance and of its steps, and the changes that are allowed. Pure."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class RebalanceState(StrEnum):
    """How far a rebalance is."""

    PROPOSED = "proposed"
    """Its plan is there to be looked at; nobody has said that it be done."""

    RUNNING = "running"
    """Workers carry it out."""

    PAUSED = "paused"
    """Nothing new is begun until somebody says so; what is under way ends."""

    STOPPING = "stopping"
    """Nothing new is begun; when what is under way has ended, it has."""

    DONE = "done"
    """No step is left to do."""

    STOPPED = "stopped"
    """Somebody has ended it, or discarded it before it began; some steps were not done."""

    @property
    def is_live(self) -> bool:
        """It can go on; there is at most one such rebalance."""
        return self not in ENDS


class StepState(StrEnum):
    """How far one move of a rebalance is."""

    WAITING = "waiting"
    """It comes later."""

    MOVING = "moving"
    """Its move was begun, or is about to be."""

    DONE = "done"
    """The tenant lives at its target."""

    SKIPPED = "skipped"
    """Before it was begun, it had no reason any more, or no place; `said` has which."""

    FAILED = "failed"
    """Its move was refused or taken back; the tenant is where it was."""

    HELD = "held"
    """Its move waits for a server: it is journaled, and ends by itself once that is back."""


ENDS: Final = frozenset({RebalanceState.DONE, RebalanceState.STOPPED})
STEP_ENDS: Final = frozenset({StepState.DONE, StepState.SKIPPED, StepState.FAILED})

_S = RebalanceState

TRANSITIONS: Final[Mapping[RebalanceState, frozenset[RebalanceState]]] = MappingProxyType(
    {
        _S.PROPOSED: frozenset({_S.RUNNING, _S.STOPPED}),
        _S.RUNNING: frozenset({_S.PAUSED, _S.STOPPING, _S.DONE}),
        _S.PAUSED: frozenset({_S.RUNNING, _S.STOPPING}),
        _S.STOPPING: frozenset({_S.STOPPED}),
        _S.DONE: frozenset(),
        _S.STOPPED: frozenset(),
    }
)
"""From each state, where a rebalance may go."""
