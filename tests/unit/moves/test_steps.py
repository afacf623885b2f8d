import itertools

import pytest

from sharding.moves.core.states import (
    ENDS,
    FORWARD_ONLY,
    PAUSING,
    MoveState,
    may_become,
    may_turn,
)
from sharding.moves.core.steps import Act, Mode, Route, Side, Step, Way, steps_from

S = MoveState
BLOCK = Route()
UNSOAKED = Route(Mode.LOGICAL)
SOAKED = Route(Mode.LOGICAL, soaks=True)
TURNED = Route(Mode.LOGICAL, soaks=True, turned=True)
ROUTES = [
    pytest.param(BLOCK, id="block"),
    pytest.param(UNSOAKED, id="logical"),
    pytest.param(SOAKED, id="logical with a soak"),
]
SOAK = {S.SOAKING, S.FINISHING}
FORWARD = [state for state in MoveState if state not in {*ENDS, S.ABORTING, *SOAK}]
BACK = [state for state in MoveState if state not in FORWARD_ONLY]


def acts(steps: tuple[Step, ...]) -> list[Act]:
    return [step.act for step in steps]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("state", FORWARD)
def test_forward_every_state_is_reached_in_turn_by_allowed_changes(state, route):
    reached = [state, *(s.reaches for s in steps_from(state, Way.FORWARD, route) if s.reaches)]
    if reached[0] is reached[1]:
        # A state that was written down before its step, which may have been cut off.
        assert state in PAUSING
        reached = reached[1:]
    assert all(may_become(one, next_) for one, next_ in itertools.pairwise(reached))
    assert reached[-1] is (S.SOAKING if route.soaks else S.DONE)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("state", [state for state in FORWARD if state is not S.PLANNED])
def test_what_is_left_to_do_is_the_end_of_all_that_is_to_do(state, route):
    everything = steps_from(S.PLANNED, Way.FORWARD, route)
    left = steps_from(state, Way.FORWARD, route)
    assert everything[len(everything) - len(left) :] == left


def test_a_soak_goes_nowhere_by_itself_and_is_finished_or_turned():
    assert steps_from(S.SOAKING, Way.FORWARD, SOAKED) == ()
    finish = steps_from(S.SOAKING, Way.FINISH, SOAKED)
    assert finish[0].reaches is S.FINISHING
    assert finish[0].first, "nobody turns any more before anything is taken away"
    assert steps_from(S.FINISHING, Way.FORWARD, SOAKED) == finish
    order = acts(finish)
    assert order.index(Act.UNSTREAM_TARGET) < order.index(Act.DROP_SOURCE)
    turn = steps_from(S.SOAKING, Way.TURN, SOAKED)
    assert acts(turn)[0] is Act.CLAIM, "older movers are shut out of both ends first"
    assert [step.reaches for step in turn if step.reaches] == [S.COPIED]
    assert may_turn(S.SOAKING, S.COPIED)


@pytest.mark.parametrize("way", [Way.TURN, Way.FINISH])
@pytest.mark.parametrize("state", [state for state in MoveState if state is not S.SOAKING])
def test_only_a_soak_is_turned_or_finished(way, state):
    with pytest.raises(ValueError, match="no soak"):
        steps_from(state, way, SOAKED)


@pytest.mark.parametrize("state", BACK)
def test_a_turn_that_is_taken_back_drops_nothing_and_soaks_again(state):
    steps = steps_from(state, Way.BACK, TURNED)
    assert acts(steps) == [Act.CLAIM_SOURCE, Act.UNFENCE, Act.RELEASE_BACK, Act.SOAK_ON]
    assert steps[-1].reaches is S.SOAKING
    assert may_turn(S.COPIED, S.SOAKING)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("state", BACK)
def test_back_ends_in_aborted_and_lets_the_source_serve_before_it_asks_the_target(state, route):
    steps = steps_from(state, Way.BACK, route)
    if state is S.ABORTED:
        assert steps == ()
        return
    assert steps[0].reaches is S.ABORTING
    assert steps[0].first, "nobody goes forward any more before anything is undone"
    assert steps[-1].reaches is S.ABORTED
    order = [step.side for step in steps]
    assert order.index(Side.TARGET) > acts(steps).index(Act.RELEASE_BACK)
    assert Act.SWITCH not in acts(steps)
    unstreams = {Act.UNSTREAM_SOURCE, Act.UNSTREAM_TARGET} & set(acts(steps))
    assert len(unstreams) == (2 if route.mode is Mode.LOGICAL else 0)


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


@pytest.mark.parametrize(
    ("route", "brings"), [(BLOCK, Act.COPY_CHANGES), (SOAKED, Act.DRAIN), (TURNED, Act.DRAIN)]
)
def test_the_pause_holds_what_must_be_in_it_in_the_order_that_makes_it_safe(route, brings):
    steps = steps_from(S.PLANNED, Way.FORWARD, route)
    paused = [step.act for step in steps if step.paused]
    assert paused == [Act.FENCE, brings, Act.LOOK, Act.SWITCH, Act.OPEN]
    everything = acts(steps)
    assert everything.index(Act.GATE) < everything.index(Act.FENCE), "the fence meets nobody"
    assert everything.index(Act.SEAL_SOURCE) > everything.index(Act.OPEN), (
        "the opening waits for nobody"
    )
    assert everything.index(Act.ARM_SOURCE) < everything.index(Act.FENCE)
    if Act.DROP_SOURCE in everything:
        assert everything.index(Act.DROP_SOURCE) > everything.index(Act.VERIFY)


def test_both_streams_flow_before_the_fence_where_there_is_a_way_back():
    everything = acts(steps_from(S.PLANNED, Way.FORWARD, SOAKED))
    assert everything.index(Act.PUBLISH) < everything.index(Act.COPY_SNAPSHOT)
    for stream in (Act.FOLLOW, Act.FOLLOW_BACK):
        assert everything.index(Act.COPY_SNAPSHOT) < everything.index(stream)
        assert everything.index(stream) < everything.index(Act.GATE)
    assert Act.FOLLOW_BACK not in acts(steps_from(S.PLANNED, Way.FORWARD, UNSOAKED))


@pytest.mark.parametrize("state", sorted({*ENDS, S.ABORTING} - {S.DONE}))
def test_what_is_over_or_turned_back_leads_nowhere_forward(state):
    with pytest.raises(ValueError, match="nothing leads forward"):
        steps_from(state, Way.FORWARD)
    assert steps_from(S.DONE, Way.FORWARD) == ()
