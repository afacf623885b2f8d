import itertools

import pytest

from sharding.moves.core.states import ENDS, FORWARD_ONLY, PAUSING, MoveState, may_become
from sharding.moves.core.steps import Act, Side, Step, Way, steps_from

FORWARD = [state for state in MoveState if state not in {*ENDS, MoveState.ABORTING}]
BACK = [state for state in MoveState if state not in FORWARD_ONLY]


def acts(steps: tuple[Step, ...]) -> list[Act]:
    return [step.act for step in steps]


@pytest.mark.parametrize("state", FORWARD)
def test_forward_every_state_is_reached_in_turn_by_allowed_changes(state):
    reached = [state, *(s.reaches for s in steps_from(state, Way.FORWARD) if s.reaches)]
    if reached[0] is reached[1]:
        # A state that was written down before its step, which may have been cut off.
        assert state in PAUSING
        reached = reached[1:]
    assert all(may_become(one, next_) for one, next_ in itertools.pairwise(reached))
    assert reached[-1] is MoveState.DONE


@pytest.mark.parametrize("state", [state for state in FORWARD if state is not MoveState.PLANNED])
def test_what_is_left_to_do_is_the_end_of_all_that_is_to_do(state):
    everything = steps_from(MoveState.PLANNED, Way.FORWARD)
    left = steps_from(state, Way.FORWARD)
    assert everything[len(everything) - len(left) :] == left


@pytest.mark.parametrize("state", BACK)
def test_back_ends_in_aborted_and_lets_the_source_serve_before_it_asks_the_target(state):
    steps = steps_from(state, Way.BACK)
    if state is MoveState.ABORTED:
        assert steps == ()
        return
    assert steps[0].reaches is MoveState.ABORTING
    assert steps[0].first, "nobody goes forward any more before anything is undone"
    assert steps[-1].reaches is MoveState.ABORTED
    order = [step.side for step in steps]
    assert order.index(Side.TARGET) > acts(steps).index(Act.RELEASE_BACK)
    assert Act.SWITCH not in acts(steps)


@pytest.mark.parametrize("state", sorted(FORWARD_ONLY))
def test_nothing_leads_back_from_beyond_the_point_of_no_return(state):
    with pytest.raises(ValueError, match="nothing leads back"):
        steps_from(state, Way.BACK)


@pytest.mark.parametrize("state", MoveState)
def test_only_a_pause_is_tried_anew(state):
    if state in PAUSING:
        assert acts(steps_from(state, Way.ANEW)) == [Act.UNFENCE, Act.RELEASE_BACK]
    else:
        with pytest.raises(ValueError, match="no pause"):
            steps_from(state, Way.ANEW)


def test_the_pause_holds_what_must_be_in_it_in_the_order_that_makes_it_safe():
    steps = steps_from(MoveState.PLANNED, Way.FORWARD)
    paused = [step.act for step in steps if step.paused]
    assert paused == [Act.FENCE, Act.COPY_CHANGES, Act.LOOK, Act.SWITCH, Act.OPEN]
    everything = acts(steps)
    assert everything.index(Act.GATE) < everything.index(Act.FENCE), "the fence meets nobody"
    assert everything.index(Act.SEAL_SOURCE) > everything.index(Act.OPEN), (
        "the opening waits for nobody"
    )
    assert everything.index(Act.ARM_SOURCE) < everything.index(Act.FENCE)
    assert everything.index(Act.DROP_SOURCE) > everything.index(Act.VERIFY)


@pytest.mark.parametrize("state", sorted({*ENDS, MoveState.ABORTING} - {MoveState.DONE}))
def test_what_is_over_or_turned_back_leads_nowhere_forward(state):
    with pytest.raises(ValueError, match="nothing leads forward"):
        steps_from(state, Way.FORWARD)
    assert steps_from(MoveState.DONE, Way.FORWARD) == ()
