"""Every combination of what control and two shards can say."""

import itertools
from collections.abc import Iterator

import pytest

from sharding.moves.core.recovery import (
    UNSEEN,
    Journal,
    Place,
    Ruling,
    Sight,
    Verdict,
    decide,
)
from sharding.moves.core.states import ENDS, FORWARD_ONLY, MoveState
from sharding.schemas.types import Marker, Phase

MINE, OTHERS = 7, 6
SHARDS = ("alpha", "beta", "gamma")


def marker(phase: Phase, move_id: int | None = MINE) -> Marker:
    return Marker("t0aaaaaa", phase, 3, move_id, 9, "d", "f", 18, None)


SIGHTS = [
    UNSEEN,
    Sight(answers=True),
    *(Sight(True, marker(phase, whose)) for phase in Phase for whose in (MINE, OTHERS, None)),
]

Case = tuple[Journal, Sight, Sight, Place]


def journal(state: MoveState, *, same: bool = True) -> Journal:
    return Journal(MINE, state, source="alpha", target="beta", is_the_same=same)


def cases() -> Iterator[Case]:
    for state, same, source, target, shard in itertools.product(
        MoveState, (True, False), SIGHTS, SIGHTS, SHARDS
    ):
        yield journal(state, same=same), source, target, Place(shard, 5)


def ruled(*verdicts: Verdict) -> Iterator[tuple[Case, Ruling]]:
    for case in cases():
        ruling = decide(*case)
        if ruling.verdict in verdicts:
            yield case, ruling


def test_each_verdict_is_met_and_each_has_a_reason():
    rulings = [decide(*case) for case in cases()]
    assert {ruling.verdict for ruling in rulings} == set(Verdict)
    assert all(ruling.why.endswith(".") for ruling in rulings)


def test_a_target_that_this_move_has_opened_is_never_taken_back():
    for (_, _, target, _), _ in ruled(Verdict.BACK):
        assert not target.is_active_under(MINE)


def test_back_needs_a_source_that_serves_or_is_fenced_and_a_journal_that_was_not_switched():
    for (said, source, target, place), _ in ruled(Verdict.BACK):
        assert said.state not in FORWARD_ONLY | ENDS
        assert place.shard == said.source
        assert source.marker is not None
        assert source.marker.phase in (Phase.ACTIVE, Phase.FENCED)
        assert target.answers or said.is_the_same, "a control that forgot may have switched"


def test_forward_needs_a_switch_in_control_and_a_copy_of_this_move():
    for (said, _, target, place), _ in ruled(Verdict.FORWARD):
        assert said.state in FORWARD_ONLY - ENDS
        assert place.shard == said.target
        assert target.marker is not None
        assert target.marker.move_id == MINE
        assert target.marker.phase in (Phase.INCOMING, Phase.ACTIVE)


def test_control_is_repaired_only_by_a_target_that_serves_under_this_move():
    for (said, _, target, place), _ in ruled(Verdict.REPAIR):
        assert target.is_active_under(MINE)
        assert said.state not in FORWARD_ONLY or place.shard == said.source
        assert place.shard in (said.source, said.target)


def test_an_ended_move_is_left_alone_whatever_else_is_seen():
    for case in cases():
        ended = case[0].state in ENDS
        assert (decide(*case).verdict is Verdict.NOTHING) == ended


def test_a_source_that_is_away_never_keeps_a_switched_tenant_from_being_opened():
    for state in sorted(FORWARD_ONLY - ENDS):
        target = Sight(True, marker(Phase.INCOMING))
        ruling = decide(journal(state), UNSEEN, target, Place("beta", 5))
        assert ruling.verdict is Verdict.FORWARD


def test_whoever_lives_where_nobody_answers_is_opened_nowhere():
    for case in cases():
        said, source, target, _ = case
        if not source.answers and not target.answers and said.state.is_live:
            assert decide(*case).verdict is Verdict.HOLD


@pytest.mark.parametrize(
    ("same", "verdict"), [(True, Verdict.BACK), (False, Verdict.HOLD)], ids=["same", "restored"]
)
def test_a_dead_target_holds_a_fenced_tenant_up_only_if_control_may_have_forgotten(same, verdict):
    fenced = Sight(True, marker(Phase.FENCED))
    ruling = decide(journal(MoveState.FENCED, same=same), fenced, UNSEEN, Place("alpha", 5))
    assert ruling.verdict is verdict


def test_a_fence_that_was_lost_with_a_standby_does_not_keep_the_target_from_being_finished():
    source, target = Sight(True, marker(Phase.ACTIVE)), Sight(True, marker(Phase.ACTIVE))
    ruling = decide(journal(MoveState.SWITCHED), source, target, Place("beta", 5))
    assert ruling.verdict is Verdict.FORWARD


def test_a_control_database_of_before_a_turn_is_told_only_by_a_target_that_was_left():
    met = [*ruled(Verdict.REPAIR_TURN)]
    assert met
    for (said, source, target, _), _ in met:
        assert said.state in FORWARD_ONLY - ENDS
        assert source.is_active_under(MINE)
        assert target.marker is not None
        assert target.marker.move_id == MINE
        assert target.marker.phase is Phase.SEALED
