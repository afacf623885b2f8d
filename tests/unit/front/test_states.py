"""The states of a sign-up."""

from front.states import HOLDING, SIGN_UP_TRANSITIONS, SignUpState


def reachable(begin):
    seen, to_look_at = {begin}, [begin]
    while to_look_at:
        for state in SIGN_UP_TRANSITIONS[to_look_at.pop()] - seen:
            seen.add(state)
            to_look_at.append(state)
    return seen


def test_every_state_stands_in_the_table_and_is_reached_from_the_first():
    assert set(SIGN_UP_TRANSITIONS) == set(SignUpState) == reachable(SignUpState.WAITING)


def test_what_has_ended_goes_nowhere():
    for state in (SignUpState.READY, SignUpState.EXPIRED):
        assert not SIGN_UP_TRANSITIONS[state]


def test_while_a_task_may_be_at_it_nothing_expires():
    for state in (SignUpState.CONFIRMED, SignUpState.MAKING):
        assert state in HOLDING
        assert SignUpState.EXPIRED not in SIGN_UP_TRANSITIONS[state]


def test_nobody_is_ready_without_having_confirmed():
    for state in (SignUpState.WAITING, SignUpState.CHOOSING):
        assert SignUpState.READY not in SIGN_UP_TRANSITIONS[state]
        assert SignUpState.MAKING not in SIGN_UP_TRANSITIONS[state]
