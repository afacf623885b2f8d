"""What a move does, in order, for each way that it can go. Pure.

The runner carries out one step after the other; after a crash it asks again, from the state that
the journal has. So each step may be begun twice, and finds out by itself what is left of it to do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from sharding.moves.core.states import FORWARD_ONLY, PAUSING, MoveState


class Mode(StrEnum):
    """How the rows get to the target."""

    BLOCK = "block"
    """Copied while the tenant works; under the fence what changed since is copied again."""

    LOGICAL = "logical"
    """Copied from one snapshot; a stream brings every change since, until nothing is missing."""


PARTS_OF_A_PAUSE: Final = (
    "lock", "changes", "freeze", "stream", "sequences", "look", "prepare", "switch", "open",
)  # fmt: skip
"""In order, as they are measured, rehearsed and told; no mode has all of them."""


class Way(StrEnum):
    """Where a move goes."""

    FORWARD = "forward"
    BACK = "back"
    """Everything is taken back. Of a move that had turned: that."""

    ANEW = "anew"
    """Only the pause is taken back, to be tried again."""

    TURN = "turn"
    """From the soak back to where it came from: the ends change places."""

    FINISH = "finish"
    """The soak ends, and with it the way back."""


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
    PUBLISH = "publish"
    COPY_SNAPSHOT = "copy_snapshot"
    BUILD = "build"
    FOLLOW = "follow"
    FOLLOW_BACK = "follow_back"
    GATE = "gate"
    FENCE = "fence"
    COPY_CHANGES = "copy_changes"
    DRAIN = "drain"
    LOOK = "look"
    SWITCH = "switch"
    OPEN = "open"
    RELEASE = "release"
    SEAL_SOURCE = "seal_source"
    VERIFY = "verify"
    SOAK = "soak"
    CLOSE_WAY_BACK = "close_way_back"
    UNSTREAM_SOURCE = "unstream_source"
    UNSTREAM_TARGET = "unstream_target"
    DROP_SOURCE = "drop_source"
    DISARM_TARGET = "disarm_target"
    TURN = "turn"
    AWAIT_TARGET = "await_target"
    TURN_BACK = "turn_back"
    CLAIM_SOURCE = "claim_source"
    UNFENCE = "unfence"
    RELEASE_BACK = "release_back"
    SOAK_ON = "soak_on"
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


@dataclass(frozen=True, slots=True)
class Route:
    """How one move goes.

    Attributes:
        soaks: it keeps the way back open for a while; only with streams.
        turned: its ends have changed places, so that what is before the switch leads to the soak.
    """

    mode: Mode = Mode.BLOCK
    soaks: bool = False
    turned: bool = False


_A, _S = Act, MoveState

_PREPARE: Final = (
    Step(_A.CLAIM, Side.BOTH, "keep everybody else from this tenant's schemas"),
    Step(_A.ARM_SOURCE, Side.SOURCE, "arm the guards of the source's tables"),
    Step(_A.MAKE_TARGET, Side.TARGET, "make the tables at the target, closed", _S.TARGET_READY),
)
_COPY: Final = Step(_A.COPY, Side.TARGET, "copy the rows while the tenant works", _S.COPIED)
_PUBLISH: Final = Step(_A.PUBLISH, Side.SOURCE, "keep the source's changes from a snapshot on")
_COPY_SNAPSHOT: Final = Step(_A.COPY_SNAPSHOT, Side.TARGET, "copy the rows of that snapshot")
_BUILD: Final = Step(_A.BUILD, Side.TARGET, "build indexes and constraints")
_FOLLOW: Final = Step(_A.FOLLOW, Side.TARGET, "let the target follow the source", _S.COPIED)
_FOLLOW_BACK: Final = Step(
    _A.FOLLOW_BACK, Side.BOTH, "prove that the source could follow the target as well"
)

_GATE: Final = Step(
    _A.GATE, Side.CONTROL, "let its requests wait and those under way end", _S.GATED, True
)
_FENCE: Final = Step(_A.FENCE, Side.SOURCE, "have the source refuse writes", _S.FENCED, True, True)
_COPY_CHANGES: Final = Step(
    _A.COPY_CHANGES, Side.TARGET, "copy the tables that changed since again", paused=True
)
_DRAIN: Final = Step(
    _A.DRAIN, Side.TARGET, "wait until the source's last change has arrived", paused=True
)
_SWITCH: Final = (
    Step(_A.LOOK, Side.BOTH, "look at both copies once more", paused=True),
    Step(_A.SWITCH, Side.CONTROL, "say that it lives at the target", _S.SWITCHED, paused=True),
    Step(_A.OPEN, Side.TARGET, "open the target", paused=True),
    Step(_A.RELEASE, Side.CONTROL, "let its requests go on there", _S.OPENED),
    Step(_A.SEAL_SOURCE, Side.SOURCE, "have the source refuse reads as well"),
    Step(_A.VERIFY, Side.BOTH, "compare both copies as they were at the switch", _S.VERIFIED),
)

_SOAK: Final = Step(
    _A.SOAK, Side.CONTROL, "keep the way back open: the source follows the target", _S.SOAKING
)
_CLOSE: Final = Step(_A.CLOSE_WAY_BACK, Side.CONTROL, "give the way back up", _S.FINISHING, True)
_UNSTREAM: Final = (
    # The target's first: a slot there keeps the WAL of the server that the tenant works on.
    Step(_A.UNSTREAM_TARGET, Side.TARGET, "end the target's streams"),
    Step(_A.UNSTREAM_SOURCE, Side.SOURCE, "end the source's streams"),
)
_CLEAN_UP: Final = (
    Step(_A.DROP_SOURCE, Side.SOURCE, "drop the source's copy"),
    Step(_A.DISARM_TARGET, Side.TARGET, "disarm the guards of the target's tables"),
    Step(_A.END, Side.CONTROL, "end", _S.DONE),
)

_UNPAUSE: Final = (
    Step(_A.UNFENCE, Side.SOURCE, "let the source accept writes again"),
    Step(_A.RELEASE_BACK, Side.CONTROL, "let its requests go on where they were"),
)
_CLAIM_SOURCE: Final = Step(
    _A.CLAIM_SOURCE, Side.SOURCE, "keep everybody else from the source's schema"
)

_FINISH: Final = (_CLOSE, *_UNSTREAM, *_CLEAN_UP)

_ANEW: Final = (
    _UNPAUSE[0],
    Step(_A.RELEASE_BACK, Side.CONTROL, "let its requests go on where they were", _S.COPIED),
)

_TURN: Final = (
    Step(_A.CLAIM, Side.BOTH, "keep everybody else from this tenant's schemas"),
    Step(_A.TURN, Side.CONTROL, "let source and target change places", _S.COPIED, True),
    Step(_A.AWAIT_TARGET, Side.TARGET, "make sure that the target follows, closed"),
)

_GIVE_UP_TURN: Final = (
    _CLAIM_SOURCE,
    *_UNPAUSE,
    Step(_A.SOAK_ON, Side.CONTROL, "let source and target change places again", _S.SOAKING),
)


def steps_from(state: MoveState, way: Way, route: Route = Route()) -> tuple[Step, ...]:
    """What is left to do, in order, of a move whose journal says `state`.

    Forward a move that soaks goes no further than that: it is finished, or turned.

    Raises:
        ValueError: there is no such way from there.
    """
    match way:
        case Way.FORWARD:
            return tuple(_after(state, _forward(state, route)))
        case Way.BACK:
            if state in FORWARD_ONLY:
                raise ValueError(f"nothing leads back from {state}")
            if route.turned:
                return _GIVE_UP_TURN
            return () if state is MoveState.ABORTED else tuple(_back(route))
        case Way.ANEW:
            if state not in PAUSING:
                raise ValueError(f"{state} is no pause")
            return _ANEW
        case Way.TURN | Way.FINISH:
            if state is not MoveState.SOAKING:
                raise ValueError(f"{state} is no soak")
            return _TURN if way is Way.TURN else _FINISH
        case _:
            assert_never(way)


def _forward(state: MoveState, route: Route) -> Iterator[Step]:
    if state is MoveState.FINISHING:
        yield from _FINISH
        return
    if route.mode is Mode.BLOCK:
        yield from (*_PREPARE, _COPY, _GATE, _FENCE, _COPY_CHANGES, *_SWITCH, *_CLEAN_UP)
        return
    yield from (*_PREPARE, _PUBLISH, _COPY_SNAPSHOT, _BUILD)
    if route.soaks:
        yield _FOLLOW_BACK
    yield from (_FOLLOW, _GATE, _FENCE, _DRAIN, *_SWITCH)
    yield from (_SOAK,) if route.soaks else (*_UNSTREAM, *_CLEAN_UP)


def _back(route: Route) -> Iterator[Step]:
    yield Step(_A.TURN_BACK, Side.CONTROL, "write down that it is taken back", _S.ABORTING, True)
    yield _CLAIM_SOURCE
    yield from _UNPAUSE
    if route.mode is Mode.LOGICAL:
        yield Step(_A.UNSTREAM_SOURCE, Side.SOURCE, "end the source's streams")
    yield Step(_A.DISARM_SOURCE, Side.SOURCE, "disarm the guards of the source's tables")
    # Last: a target that is away keeps nobody waiting.
    if route.mode is Mode.LOGICAL:
        yield Step(_A.UNSTREAM_TARGET, Side.TARGET, "end the target's streams")
    yield Step(_A.DROP_TARGET, Side.TARGET, "drop the target's copy")
    yield Step(_A.END, Side.CONTROL, "end", _S.ABORTED)


def _after(state: MoveState, steps: Iterator[Step]) -> Iterator[Step]:
    """From PLANNED everything is done; from a later state what comes after it.

    A step that is journaled first may have been cut off: it comes again.
    """
    listed = tuple(steps)
    if state is MoveState.PLANNED:
        yield from listed
        return
    reached = [number for number, step in enumerate(listed) if step.reaches is state]
    if not reached:
        raise ValueError(f"nothing leads forward from {state}")
    (at,) = reached
    yield from listed[at:] if listed[at].first else listed[at + 1 :]
