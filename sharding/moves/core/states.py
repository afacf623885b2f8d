"""States of a move, and the changes that are allowed. Pure.

    planned → target_ready → copied → gated → fenced → switched → opened → verified → done
       └───────────┴───────────┴────────┴────────┴──→ aborting → aborted

    … verified → soaking → finishing → done

A pause that took too long, or met somebody who did not leave, goes back to `copied` and is tried
again. Until `switched` recovery always leads back, from there on always forward.

A move that keeps a way back soaks. From there it can turn: source and target change places, and it
is `copied` once more, since both copies are equal; its pause, its point of no return and its
recovery are the same as those of the way there. A turn that is given up soaks again.

Source: docs/adr/0020; Vitess's journal for the point of no return.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class MoveState(StrEnum):
    """How far a move is, as its journal says."""

    PLANNED = "planned"
    """It is written down; nothing was changed."""

    TARGET_READY = "target_ready"
    """The tables are there at the target, closed and empty; the source's guards are armed."""

    COPIED = "copied"
    """The rows are there as well, as they were a moment ago. The tenant works as before."""

    GATED = "gated"
    """Its requests wait; those that were under way end."""

    FENCED = "fenced"
    """The source refuses writes, or is about to: written down before it does."""

    SWITCHED = "switched"
    """The tenant lives at the target. The point of no return."""

    OPENED = "opened"
    """The target serves it, and its requests go on there."""

    VERIFIED = "verified"
    """Both copies, as they were at the switch, hold the same rows."""

    SOAKING = "soaking"
    """The source's copy follows the target's, so that the tenant can go back without a loss."""

    FINISHING = "finishing"
    """The way back is given up."""

    DONE = "done"
    """The source's copy is gone; nothing is owed."""

    ABORTING = "aborting"
    """It is being taken back."""

    ABORTED = "aborted"
    """The tenant is where it was, and nothing of the move is left."""

    @property
    def is_live(self) -> bool:
        """It can go on; a tenant has at most one such move."""
        return self not in ENDS

    @property
    def wants_a_mover(self) -> bool:
        """Somebody should be at work on it; a soak goes on by itself."""
        return self in WANT_A_MOVER

    @property
    def is_past_no_return(self) -> bool:
        """It only goes forward."""
        return self in FORWARD_ONLY


POINT_OF_NO_RETURN: Final = MoveState.SWITCHED

_S = MoveState

ENDS: Final = frozenset({_S.DONE, _S.ABORTED})
WANT_A_MOVER: Final = frozenset(MoveState) - ENDS - {_S.SOAKING}
FORWARD_ONLY: Final = frozenset(
    {_S.SWITCHED, _S.OPENED, _S.VERIFIED, _S.SOAKING, _S.FINISHING, _S.DONE}
)
PAUSING: Final = frozenset({_S.GATED, _S.FENCED})
"""Its requests wait, and perhaps the source refuses writes."""

TRANSITIONS: Final[Mapping[MoveState, frozenset[MoveState]]] = MappingProxyType(
    {
        _S.PLANNED: frozenset({_S.TARGET_READY, _S.ABORTING}),
        _S.TARGET_READY: frozenset({_S.COPIED, _S.ABORTING}),
        _S.COPIED: frozenset({_S.GATED, _S.ABORTING}),
        # Back to COPIED: the pause is tried again.
        _S.GATED: frozenset({_S.FENCED, _S.COPIED, _S.ABORTING}),
        _S.FENCED: frozenset({_S.SWITCHED, _S.COPIED, _S.ABORTING}),
        _S.SWITCHED: frozenset({_S.OPENED}),
        # Where the copies cannot be compared any more, the move goes on without, and says so.
        _S.OPENED: frozenset({_S.VERIFIED, _S.SOAKING, _S.DONE}),
        _S.VERIFIED: frozenset({_S.SOAKING, _S.DONE}),
        _S.SOAKING: frozenset({_S.FINISHING}),
        _S.FINISHING: frozenset({_S.DONE}),
        _S.DONE: frozenset(),
        _S.ABORTING: frozenset({_S.ABORTED}),
        _S.ABORTED: frozenset(),
    }
)
"""From each state, where a move may go whose ends stay what they are."""

TURNS: Final = frozenset({(_S.SOAKING, _S.COPIED), (_S.COPIED, _S.SOAKING)})
"""What a move may become as its ends change places: on its way back, and no longer so."""


def may_become(found: MoveState, to: MoveState) -> bool:
    """Whether the table allows it."""
    return to in TRANSITIONS[found]


def may_turn(found: MoveState, to: MoveState) -> bool:
    """Whether the ends may change places there."""
    return (found, to) in TURNS
