import pytest

from sharding.moves.core.states import (
    ENDS,
    FORWARD_ONLY,
    POINT_OF_NO_RETURN,
    TRANSITIONS,
    TURNS,
    MoveState,
    may_become,
)

S = MoveState


def reachable(start: MoveState) -> set[MoveState]:
    found, ahead = {start}, [start]
    while ahead:
        for state in TRANSITIONS[ahead.pop()] - found:
            found.add(state)
            ahead.append(state)
    return found


def test_the_table_has_every_state_and_leads_from_planned_to_each():
    assert set(TRANSITIONS) == set(MoveState)
    assert reachable(S.PLANNED) == set(MoveState)


@pytest.mark.parametrize("state", MoveState)
def test_every_move_can_come_to_an_end(state):
    assert reachable(state) & ENDS
    assert (not TRANSITIONS[state]) == (state in ENDS) == (not state.is_live)


@pytest.mark.parametrize("state", sorted(FORWARD_ONLY))
def test_from_the_point_of_no_return_on_nothing_leads_back(state):
    assert reachable(state) <= FORWARD_ONLY
    assert state.is_past_no_return


def test_whatever_is_before_the_point_of_no_return_can_be_taken_back():
    before = set(MoveState) - FORWARD_ONLY
    assert all(S.ABORTED in reachable(state) for state in before)
    assert not any(state.is_past_no_return for state in before)
    assert POINT_OF_NO_RETURN is S.SWITCHED


def test_the_point_of_no_return_is_reached_from_the_fence_only():
    assert [state for state in MoveState if may_become(state, S.SWITCHED)] == [S.FENCED]


def test_what_is_being_taken_back_is_never_gone_on_with():
    assert reachable(S.ABORTING) == {S.ABORTING, S.ABORTED}


def test_ends_change_places_only_where_both_copies_hold_the_same_and_one_of_them_is_closed():
    assert {(S.SOAKING, S.COPIED), (S.COPIED, S.SOAKING)} == TURNS
    assert not any(may_become(found, to) for found, to in TURNS), "or a turn could be mistaken"


def test_a_move_wants_a_mover_until_it_has_ended_but_not_while_it_soaks():
    wanting = {state for state in MoveState if state.wants_a_mover}
    assert set(MoveState) - wanting == ENDS | {S.SOAKING}
