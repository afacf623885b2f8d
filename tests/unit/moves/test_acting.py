from dataclasses import fields, replace
from datetime import timedelta

from sharding.moves.core.states import MoveState
from sharding.moves.core.steps import Act, Mode, Route, Way, steps_from
from sharding.moves.services import acting
from sharding.moves.services.moving import CATCHES_UP
from sharding.moves.types import LONGEST_SOAK, SHORTEST_PAUSE, MoveRequest


def test_each_act_but_the_end_has_a_function_and_each_mode_catches_up():
    assert set(acting.DOES) == set(Act) - {Act.END}
    assert set(CATCHES_UP) == set(Mode)


def test_what_the_journal_says_first_is_written_by_the_step_itself():
    ways = [
        (MoveState.PLANNED, Way.FORWARD),
        (MoveState.SOAKING, Way.TURN),
        (MoveState.SOAKING, Way.FINISH),
    ]
    route = Route(Mode.LOGICAL, soaks=True)
    first = {step.act for way in ways for step in steps_from(*way, route) if step.first}
    assert first, "a crash in the middle of some must be seen"
    assert first <= acting._WRITES_ITSELF


def test_whoever_goes_on_with_a_move_has_all_that_was_asked_for():
    asked = MoveRequest(
        "t1",
        "beta",
        Mode.LOGICAL,
        max_pause=timedelta(milliseconds=7),
        max_drain=timedelta(seconds=8),
        attempts=9,
        between=timedelta(seconds=10),
        soak=timedelta(hours=11),
    )
    plain = MoveRequest("t1", "beta")
    untold = {"tenant_id", "target", "asked_by"}
    for each in fields(MoveRequest):
        assert each.name in untold or getattr(asked, each.name) != getattr(plain, each.name)
    for one in (asked, plain, replace(asked, soak=timedelta(0))):
        assert MoveRequest.of("t1", "beta", one.to_json()) == one


def test_what_older_code_has_written_is_brought_within_bounds():
    told = MoveRequest("t1", "beta").to_json()
    strange = {"max_pause_ms": -5, "max_drain_ms": -1, "attempts": 0, "soak_ms": 1e14}
    read = MoveRequest.of("t1", "beta", {**told, **strange})
    assert (read.max_pause, read.max_drain, read.attempts, read.soak) == (
        SHORTEST_PAUSE,
        timedelta(0),
        1,
        LONGEST_SOAK,
    )
