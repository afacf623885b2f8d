"""Which cells logical mode has: each step there and each step back, each with one fault. Pure.

All faults at all of these points would take hours. So the faults go round: a point has one of them,
and `MOVES_MATRIX_TURN=1` (up to the number of faults) gives it the next one.
"""

import os
from dataclasses import dataclass
from typing import Final

from sharding.moves.core.steps import Mode, Route
from tests.scenarios.moves.matrix.cells import GATED, PREPARED, RELEASED, TO_THE_SWITCH, Cell, Fault

TURN: Final = "MOVES_MATRIX_TURN"
LOGICAL: Final = Route(Mode.LOGICAL, soaks=True)

FAULTS: Final = (
    Fault.KILL_MOVER,
    Fault.KILL_SOURCE,
    Fault.CUT_TARGET,
    Fault.KILL_CONTROL,
    Fault.FREEZE_MOVER,
    Fault.KILL_TARGET,
    Fault.CUT_SOURCE,
    Fault.CUT_CONTROL,
)
AT_EVERY_SWITCH: Final = (Fault.LOSE_REPLY, Fault.LOSE_SWITCH)
SWITCH: Final = "switch.before"


@dataclass(frozen=True, slots=True)
class Way:
    """A move, or its rollback, from its first step to its last.

    Attributes:
        before: points up to the switch.
        after: points since it.
        on_the_way_back, on_the_way_forward: where a recovery is killed, whichever it comes to.
    """

    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    on_the_way_back: tuple[str, ...]
    on_the_way_forward: tuple[str, ...]

    @property
    def points(self) -> tuple[str, ...]:
        """All of them, in order."""
        return (*self.before, *self.after)


_PAUSE: Final = (*GATED, "drain.begin", "drain.uncommitted", *TO_THE_SWITCH)
_SINCE: Final = ("open.begin", *RELEASED, "verify.begin", "soak.begin", "soak.done")
_FORWARD: Final = ("open.begin", "open.after", *RELEASED, "soak.begin")

THERE: Final = Way(
    "there",
    before=(
        *PREPARED,
        "publish.begin",
        "copy_snapshot.begin",
        "copy_snapshot.slot",
        "build.begin",
        "build.built",
        "follow_back.begin",
        "follow_back.slot",
        "follow.begin",
        *_PAUSE,
    ),
    after=_SINCE,
    on_the_way_back=(
        "turn_back.done",
        "unfence.begin",
        "unfence.done",
        "release_back.done",
        "unstream.done",
        "disarm_source.done",
        "unstream_target.begin",
        "drop_target.begin",
        "drop_end.dropped",
        "end.begin",
    ),
    on_the_way_forward=_FORWARD,
)
BACK: Final = Way(
    "back",
    before=("claim.begin", "turn.begin", "await_target.begin", *_PAUSE),
    after=_SINCE,
    on_the_way_back=(
        "claim_source.begin",
        "unfence.begin",
        "unfence.done",
        "release_back.done",
        "soak_on.begin",
    ),
    on_the_way_forward=_FORWARD,
)
WAYS: Final = (THERE, BACK)
ROWS: Final = tuple(
    dict.fromkeys(
        (
            *(point for way in WAYS for point in way.before if point not in _PAUSE),
            *_PAUSE,
            *_SINCE,
        )
    )
)
"""All points of both, in the order of a table."""


def lost_servers(way: Way) -> tuple[tuple[str, Fault], ...]:
    """Where a server comes back as a copy of itself. Each turn has every eighth of them."""
    fenced = way.before[way.before.index("drain.begin") :]
    return (
        *((point, Fault.PROMOTE_FENCED) for point in way.points),
        *((point, Fault.PROMOTE_BEHIND) for point in (*fenced, *way.after)),
        *((point, Fault.RESTORE_CONTROL) for point in way.after),
    )


def has_streams_of_before(cell: Cell) -> bool:
    """Whether its promotion comes when the streams are there, or the servers are written down."""
    if cell.fault not in (Fault.PROMOTE_FENCED, Fault.PROMOTE_BEHIND):
        return False
    first = THERE.points.index("publish.begin")
    return cell.way == BACK.name or THERE.points.index(cell.point) > first


def cells_of(way: Way, turn: int = int(os.environ.get(TURN, "0"))) -> tuple[Cell, ...]:
    """The cells of one way, by point.

    turn: by how much the faults are further round.
    """
    # The second way begins elsewhere in the round, or both had the same fault at the same step.
    further = turn + WAYS.index(way) * (len(FAULTS) // 2 + 1)
    wanted = [
        (point, FAULTS[(number + further) % len(FAULTS)]) for number, point in enumerate(way.points)
    ]
    wanted += [(SWITCH, fault) for fault in AT_EVERY_SWITCH]
    wanted += [
        pair
        for number, pair in enumerate(lost_servers(way))
        if (number + further) % len(FAULTS) == 0
    ]
    return tuple(
        Cell(
            point,
            fault,
            (
                way.on_the_way_back[number % len(way.on_the_way_back)],
                way.on_the_way_forward[number % len(way.on_the_way_forward)],
            ),
            way.name,
        )
        for number, (point, fault) in enumerate(wanted)
    )


def all_turns(way: Way) -> tuple[Cell, ...]:
    """The cells of one way in all turns, each once, by point."""
    found = {cell.name: cell for turn in range(len(FAULTS)) for cell in cells_of(way, turn)}
    return tuple(sorted(found.values(), key=lambda cell: way.points.index(cell.point)))
