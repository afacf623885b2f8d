"""Which cells the matrix has: a point of a move, and what happens there. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """What happens while the mover stands at a point; its value heads a column."""

    KILL_MOVER = "kill -9 the mover"
    FREEZE_MOVER = "freeze the mover past its lease"
    KILL_SOURCE = "kill the source"
    KILL_TARGET = "kill the target"
    KILL_CONTROL = "kill control"
    CUT_SOURCE = "drop packets to the source"
    CUT_TARGET = "drop packets to the target"
    CUT_CONTROL = "drop packets to control"
    PROMOTE_FENCED = "promote a standby that has all"
    PROMOTE_BEHIND = "promote a standby without the fence"
    LOSE_REPLY = "lose the reply to the switch"
    LOSE_SWITCH = "lose the switch itself"
    RESTORE_CONTROL = "restore control to before the switch"


PREPARED: Final = ("claim.begin", "arm_source.begin", "make_target.begin", "make_target.made")
GATED: Final = ("gate.begin", "gate.journaled", "fence.journaled", "fence.uncommitted")
TO_THE_SWITCH: Final = ("look.begin", "switch.begin", "switch.before")
RELEASED: Final = (
    "release.begin",
    "release.journaled",
    "seal_source.begin",
    "seal_source.sealed",
)
"""What moves have in common, in whatever mode."""

BEFORE_FENCE: Final = (*PREPARED, "copy.begin", *GATED)
FENCED: Final = ("copy_changes.begin", "copy_changes.uncommitted", *TO_THE_SWITCH)
SWITCHED: Final = (
    "open.begin",
    *RELEASED,
    "verify.begin",
    "drop_source.begin",
    "drop_end.dropped",
    "disarm_target.begin",
    "end.begin",
)
POINTS: Final = (*BEFORE_FENCE, *FENCED, *SWITCHED)

AT_THE_SWITCH: Final = ("switch.before",)
HAPPENS_AT: Final = {
    Fault.KILL_MOVER: POINTS,
    Fault.FREEZE_MOVER: POINTS,
    Fault.KILL_SOURCE: POINTS,
    Fault.KILL_TARGET: POINTS,
    Fault.KILL_CONTROL: POINTS,
    Fault.CUT_SOURCE: POINTS,
    Fault.CUT_TARGET: POINTS,
    Fault.CUT_CONTROL: POINTS,
    Fault.PROMOTE_FENCED: POINTS,
    Fault.PROMOTE_BEHIND: (*FENCED, *SWITCHED),
    Fault.LOSE_REPLY: AT_THE_SWITCH,
    Fault.LOSE_SWITCH: AT_THE_SWITCH,
    Fault.RESTORE_CONTROL: SWITCHED,
}
"""At which points of the mover each is played; whoever adds a fault says it here."""

# Where a recovery is killed as well: whichever it comes to, and a new pair for each cell.
ON_THE_WAY_BACK: Final = (
    "turn_back.done",
    "unfence.begin",
    "unfence.done",
    "release_back.done",
    "disarm_source.done",
    "drop_target.begin",
    "drop_end.dropped",
    "end.begin",
)
ON_THE_WAY_FORWARD: Final = (
    "open.begin",
    "open.after",
    "release.begin",
    "release.journaled",
    "seal_source.begin",
    "seal_source.sealed",
    "drop_source.begin",
    "drop_end.dropped",
    "disarm_target.begin",
    "end.begin",
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault at one point.

    Attributes:
        killed_again: the points at which its first recovery is killed.
        way: of which move, where there are several.
    """

    point: str
    fault: Fault
    killed_again: tuple[str, ...]
    way: str = ""

    @property
    def name(self) -> str:
        """As it is called in results."""
        return f"{self.row} × {self.fault}"

    @property
    def row(self) -> str:
        """Where it stands in a table."""
        return f"{self.way}: {self.point}" if self.way else self.point


def all_cells() -> tuple[Cell, ...]:
    """Every cell, by point."""
    wanted = [(point, fault) for point in POINTS for fault in Fault if _happens(point, fault)]
    return tuple(
        Cell(
            point,
            fault,
            (
                ON_THE_WAY_BACK[number % len(ON_THE_WAY_BACK)],
                ON_THE_WAY_FORWARD[number % len(ON_THE_WAY_FORWARD)],
            ),
        )
        for number, (point, fault) in enumerate(wanted)
    )


def _happens(point: str, fault: Fault) -> bool:
    return point in HAPPENS_AT[fault]
