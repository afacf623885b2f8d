"""What becomes of a move whose mover has died, by what control and both shards say. Pure.

Whoever asks has first ended the old mover's sessions and written a newer token on every shard that
answers: what is read after that does not change under their hands.

Source: docs/adr/0020.
"""

from dataclasses import dataclass
from enum import StrEnum

from sharding.moves.core.states import MoveState
from sharding.schemas.types import Marker, Phase


class Verdict(StrEnum):
    """What to do with it."""

    NOTHING = "nothing"
    """It has ended."""

    FORWARD = "forward"
    """It is finished."""

    REPAIR = "repair"
    """Control is of before the switch, and the target serves: control is told, then as FORWARD."""

    REPAIR_TURN = "repair turn"
    """Control is of before the move turned, and what was its source serves: as REPAIR, once the
    ends have changed places."""

    BACK = "back"
    """It is taken back."""

    HOLD = "hold"
    """Nobody can tell yet which copy is the tenant's. Nothing is opened; it is asked again."""


@dataclass(frozen=True, slots=True)
class Journal:
    """What control has of the move.

    Attributes:
        is_the_same: control is the server that the move began with, on the same timeline: what it
            has once said it still says. A restored or promoted one may have forgotten a switch.
    """

    move_id: int
    state: MoveState
    source: str
    target: str
    is_the_same: bool = True


@dataclass(frozen=True, slots=True)
class Place:
    """Where control believes the tenant to be."""

    shard: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Sight:
    """What one shard says of the tenant's schema.

    Attributes:
        answers: it could be asked.
        marker: None where it has none.
    """

    answers: bool
    marker: Marker | None = None

    def is_active_under(self, move_id: int) -> bool:
        """It serves, and this move opened it."""
        marker = self.marker
        return marker is not None and marker.phase is Phase.ACTIVE and marker.move_id == move_id


UNSEEN = Sight(answers=False)


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict and its reason, one sentence for people."""

    verdict: Verdict
    why: str


def decide(journal: Journal, source: Sight, target: Sight, place: Place) -> Ruling:
    """What becomes of the move.

    A target that this move has opened decides before all else: the tenant may have written there.
    Then the journal decides. Where neither can be known, nothing is opened.
    """
    if not journal.state.is_live:
        return Ruling(Verdict.NOTHING, f"It is {journal.state}.")
    if place.shard not in (journal.source, journal.target):
        return Ruling(
            Verdict.HOLD,
            f"Control has the tenant on {place.shard}, which is neither {journal.source} nor "
            f"{journal.target}: somebody else has changed its place.",
        )
    if target.is_active_under(journal.move_id):
        return _opened(journal, place)
    if journal.state.is_past_no_return and _has_turned(journal, source, target):
        return Ruling(
            Verdict.REPAIR_TURN,
            f"{journal.source} serves the tenant again, and {journal.target} is closed: the move "
            "has turned since, and control is of before that.",
        )
    if journal.state.is_past_no_return or place.shard == journal.target:
        return _switched(journal, target, place)
    return _not_switched(journal, source, target)


def _opened(journal: Journal, place: Place) -> Ruling:
    if journal.state.is_past_no_return and place.shard == journal.target:
        return Ruling(Verdict.FORWARD, f"{journal.target} serves the tenant.")
    return Ruling(
        Verdict.REPAIR,
        f"{journal.target} was opened by this move, and control does not know: it is of before "
        "the switch.",
    )


def _has_turned(journal: Journal, source: Sight, target: Sight) -> bool:
    """A target that was open is sealed only after the tenant was switched to the source.

    One that is fenced proves nothing: a turn may have come so far and no further.
    """
    marker = target.marker
    return (
        source.is_active_under(journal.move_id)
        and marker is not None
        and marker.move_id == journal.move_id
        and marker.phase is Phase.SEALED
    )


def _switched(journal: Journal, target: Sight, place: Place) -> Ruling:
    if not journal.state.is_past_no_return or place.shard != journal.target:
        return Ruling(
            Verdict.HOLD,
            f"The journal says {journal.state} and the placement {place.shard}; both are changed "
            "in one transaction, so somebody has changed one by hand.",
        )
    if not target.answers:
        return Ruling(Verdict.HOLD, f"The tenant lives on {journal.target}, which does not answer.")
    marker = target.marker
    if marker is None or marker.move_id != journal.move_id:
        return Ruling(
            Verdict.HOLD,
            f"The tenant lives on {journal.target}, which has no copy of this move: it was "
            "restored from an older backup, or its standby lacked the copy.",
        )
    if marker.phase is not Phase.INCOMING:
        return Ruling(
            Verdict.HOLD,
            f"The tenant lives on {journal.target}, where its copy is {marker.phase}.",
        )
    return Ruling(Verdict.FORWARD, f"The tenant lives on {journal.target}, which is to be opened.")


def _not_switched(journal: Journal, source: Sight, target: Sight) -> Ruling:
    if not source.answers:
        return Ruling(Verdict.HOLD, f"The tenant lives on {journal.source}, which does not answer.")
    marker = source.marker
    if marker is None or marker.phase not in (Phase.ACTIVE, Phase.FENCED):
        found = "gone" if marker is None else marker.phase
        return Ruling(
            Verdict.HOLD,
            f"The tenant lives on {journal.source}, where its schema is {found}.",
        )
    if not target.answers and not journal.is_the_same:
        return Ruling(
            Verdict.HOLD,
            f"Control was restored or promoted since, and {journal.target}, which may have been "
            "opened, does not answer.",
        )
    return Ruling(Verdict.BACK, f"It was not switched: {journal.source} serves the tenant.")
