"""What a move does, in order, for each way that it can go. Pure.

The runner carries out one step after the other; after a crash it asks again, from the state that
the journal has. So each step may be begun twice, and finds out by itself what is left of it to do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from sharding.moves.core.states import FORWARD_ONLY, MoveState


class Mode(StrEnum):
    """How the rows get to the target."""

    BLOCK = "block"
    """Copied while the tenant works; under the fence what changed since is copied again."""


class Way(StrEnum):
    """Where a move goes."""

    FORWARD = "forward"
    BACK = "back"
    """Everything is taken back."""

    ANEW = "anew"
    """Only the pause is taken back, to be tried again."""


class Side(StrEnum):
    """What a step changes."""

    CONTROL = "control"
    SOURCE = "source"
    TARGET = "target"
    BOTH = "both shards"


class Act(StrEnum):
    """What can be done. The runner has one function for each."""

    CLAIM = "claim"
    MAKE_TARGET = "make_target"
    ARM_SOURCE = "arm_source"
    COPY = "copy"
    GATE = "gate"
    FENCE = "fence"
    COPY_CHANGES = "copy_changes"
    LOOK = "look"
    SWITCH = "switch"
    OPEN = "open"
    RELEASE = "release"
    SEAL_SOURCE = "seal_source"
    VERIFY = "verify"
    DROP_SOURCE = "drop_source"
    DISARM_TARGET = "disarm_target"
    TURN_BACK = "turn_back"
    CLAIM_SOURCE = "claim_source"
    UNFENCE = "unfence"
    RELEASE_BACK = "release_back"
    DROP_TARGET = "drop_target"
    DISARM_SOURCE = "disarm_source"
    END = "end"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.

    Attributes:
        does: as people are told.
        reaches: what the journal says once it is done; None: nothing new.
        first: the journal says so before anything else is done, since a crash in the middle must
            be seen to be one.
        paused: the tenant cannot write while it lasts.
    """

    act: Act
    side: Side
    does: str
    reaches: MoveState | None = None
    first: bool = False
    paused: bool = False


_A, _S = Act, MoveState

_FORWARD: Final = (
    Step(_A.CLAIM, Side.BOTH, "keep everybody else from this tenant's schemas"),
    Step(_A.ARM_SOURCE, Side.SOURCE, "arm the guards of the source's tables"),
    Step(_A.MAKE_TARGET, Side.TARGET, "make the tables at the target, closed", _S.TARGET_READY),
    Step(_A.COPY, Side.TARGET, "copy the rows while the tenant works", _S.COPIED),
    Step(_A.GATE, Side.CONTROL, "let its requests wait and those under way end", _S.GATED, True),
    Step(_A.FENCE, Side.SOURCE, "have the source refuse writes", _S.FENCED, True, True),
    Step(_A.COPY_CHANGES, Side.TARGET, "copy the tables that changed since again", paused=True),
    Step(_A.LOOK, Side.BOTH, "look at both copies once more", paused=True),
    Step(_A.SWITCH, Side.CONTROL, "say that it lives at the target", _S.SWITCHED, paused=True),
    Step(_A.OPEN, Side.TARGET, "open the target", paused=True),
    Step(_A.RELEASE, Side.CONTROL, "let its requests go on there", _S.OPENED),
    Step(_A.SEAL_SOURCE, Side.SOURCE, "have the source refuse reads as well"),
    Step(_A.VERIFY, Side.BOTH, "compare both copies as they were at the switch", _S.VERIFIED),
    Step(_A.DROP_SOURCE, Side.SOURCE, "drop the source's copy"),
    Step(_A.DISARM_TARGET, Side.TARGET, "disarm the guards of the target's tables"),
    Step(_A.END, Side.CONTROL, "end", _S.DONE),
)

_UNPAUSE: Final = (
    Step(_A.UNFENCE, Side.SOURCE, "let the source accept writes again"),
    Step(_A.RELEASE_BACK, Side.CONTROL, "let its requests go on where they were"),
)

_BACK: Final = (
    Step(_A.TURN_BACK, Side.CONTROL, "write down that it is taken back", _S.ABORTING, True),
    Step(_A.CLAIM_SOURCE, Side.SOURCE, "keep everybody else from the source's schema"),
    *_UNPAUSE,
    Step(_A.DISARM_SOURCE, Side.SOURCE, "disarm the guards of the source's tables"),
    # Last: a target that is away keeps nobody waiting.
    Step(_A.DROP_TARGET, Side.TARGET, "drop the target's copy"),
    Step(_A.END, Side.CONTROL, "end", _S.ABORTED),
)

_ANEW: Final = (
    _UNPAUSE[0],
    Step(_A.RELEASE_BACK, Side.CONTROL, "let its requests go on where they were", _S.COPIED),
)


def steps_from(state: MoveState, way: Way, mode: Mode = Mode.BLOCK) -> tuple[Step, ...]:
    """What is left to do, in order, of a move whose journal says `state`.

    Raises:
        ValueError: there is no such way from there.
    """
    assert mode is Mode.BLOCK, "the only one so far"
    match way:
        case Way.FORWARD:
            return tuple(_after(state, _FORWARD))
        case Way.BACK:
            if state in FORWARD_ONLY:
                raise ValueError(f"nothing leads back from {state}")
            return () if state is MoveState.ABORTED else _BACK
        case Way.ANEW:
            if state not in (MoveState.GATED, MoveState.FENCED):
                raise ValueError(f"{state} is no pause")
            return _ANEW
        case _:
            assert_never(way)


def _after(state: MoveState, steps: tuple[Step, ...]) -> Iterator[Step]:
    """From PLANNED everything is done; from a later state what comes after it.

    A step that is journaled first may have been cut off: it comes again.
    """
    if state is MoveState.PLANNED:
        yield from steps
        return
    reached = [number for number, step in enumerate(steps) if step.reaches is state]
    if not reached:
        raise ValueError(f"nothing leads forward from {state}")
    (at,) = reached
    yield from steps[at:] if steps[at].first else steps[at + 1 :]
