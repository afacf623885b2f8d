"""The breaker as a pure machine: every state with every event, and all that can be reached."""

import re
from collections import deque
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sharding.pools.breaking.states import (
    GOOD_PROBES_TO_CLOSE,
    TRANSITIONS,
    BreakerEvent,
    BreakerState,
    Standing,
    after,
)

CLOSED, SUSPECTED, OPEN, HELD = BreakerState
E = BreakerEvent
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
LATER = BEGAN + timedelta(seconds=9)
FRESH = Standing(CLOSED, BEGAN)
RECORD = Path(__file__).parents[3] / "docs/adr/0016-a-probe-decides-not-requests.md"


def node(standing):
    return standing.state, standing.good_probes


def explored():
    """Everything that can be reached from a fresh breaker, and every step between."""
    steps, todo, seen = {}, deque([FRESH]), {node(FRESH): FRESH}
    while todo:
        standing = todo.popleft()
        for event in BreakerEvent:
            then = after(standing, event, now=LATER, reason="why")
            steps[node(standing), event] = node(then)
            if node(then) not in seen:
                seen[node(then)] = then
                todo.append(then)
    return seen, steps


REACHED, STEPS = explored()


def test_these_and_no_others_can_be_reached():
    assert set(REACHED) == {(CLOSED, 0), (SUSPECTED, 0), (OPEN, 0), (OPEN, 1), (HELD, 0)}
    assert len(STEPS) == 5 * len(BreakerEvent)


@pytest.mark.parametrize(
    ("found", "event", "then"),
    [
        ((CLOSED, 0), E.SUSPECTED, (SUSPECTED, 0)),
        ((CLOSED, 0), E.PROBE_WELL, (CLOSED, 0)),
        ((CLOSED, 0), E.PROBE_CROWDED, (CLOSED, 0)),
        ((CLOSED, 0), E.PROBE_FAILED, (CLOSED, 0)),
        ((CLOSED, 0), E.HELD, (HELD, 0)),
        ((CLOSED, 0), E.RELEASED, (CLOSED, 0)),
        ((SUSPECTED, 0), E.SUSPECTED, (SUSPECTED, 0)),
        ((SUSPECTED, 0), E.PROBE_WELL, (CLOSED, 0)),
        ((SUSPECTED, 0), E.PROBE_CROWDED, (SUSPECTED, 0)),
        ((SUSPECTED, 0), E.PROBE_FAILED, (OPEN, 0)),
        ((SUSPECTED, 0), E.HELD, (HELD, 0)),
        ((SUSPECTED, 0), E.RELEASED, (SUSPECTED, 0)),
        ((OPEN, 0), E.SUSPECTED, (OPEN, 0)),
        ((OPEN, 0), E.PROBE_WELL, (OPEN, 1)),
        ((OPEN, 0), E.PROBE_CROWDED, (OPEN, 1)),
        ((OPEN, 0), E.PROBE_FAILED, (OPEN, 0)),
        ((OPEN, 0), E.HELD, (HELD, 0)),
        ((OPEN, 0), E.RELEASED, (OPEN, 0)),
        ((OPEN, 1), E.SUSPECTED, (OPEN, 1)),
        ((OPEN, 1), E.PROBE_WELL, (CLOSED, 0)),
        ((OPEN, 1), E.PROBE_CROWDED, (SUSPECTED, 0)),
        ((OPEN, 1), E.PROBE_FAILED, (OPEN, 0)),
        ((OPEN, 1), E.HELD, (HELD, 0)),
        ((OPEN, 1), E.RELEASED, (OPEN, 1)),
        ((HELD, 0), E.SUSPECTED, (HELD, 0)),
        ((HELD, 0), E.PROBE_WELL, (HELD, 0)),
        ((HELD, 0), E.PROBE_CROWDED, (HELD, 0)),
        ((HELD, 0), E.PROBE_FAILED, (HELD, 0)),
        ((HELD, 0), E.HELD, (HELD, 0)),
        ((HELD, 0), E.RELEASED, (OPEN, 0)),
    ],
)
def test_each_state_with_each_event(found, event, then):
    assert STEPS[found, event] == then


def test_the_table_names_every_event_of_every_state():
    assert set(TRANSITIONS) == set(BreakerState)
    assert all(set(row) == set(BreakerEvent) for row in TRANSITIONS.values())


@pytest.mark.parametrize(("standing", "event"), list(product(REACHED.values(), BreakerEvent)))
def test_what_holds_after_every_step(standing, event):
    then = after(standing, event, now=LATER, reason="why")
    assert then.is_away == (then.state in {OPEN, HELD})
    assert then.is_to_be_asked == (then.state in {SUSPECTED, OPEN})
    assert 0 <= then.good_probes < GOOD_PROBES_TO_CLOSE
    assert then.good_probes == 0 or then.state is OPEN
    if event is E.SUSPECTED:
        assert then.is_away == standing.is_away, "a suspicion alone refuses nobody"
    if then.state is HELD and standing.state is not HELD:
        assert event is E.HELD, "only a hand holds it"
    if standing.state is HELD and then.state is not HELD:
        assert event is E.RELEASED, "only a hand releases it"
        assert then.is_away, "and whoever releases it does not send anybody there unseen"
    if standing.is_away and not then.is_away:
        assert event in {E.PROBE_WELL, E.PROBE_CROWDED}, "only an answer lets anybody there again"
    if then.state is CLOSED and standing.state is not CLOSED:
        assert event is E.PROBE_WELL, "and it is well only when it says so"
    if not standing.is_away and then.is_away:
        assert event in {E.PROBE_FAILED, E.HELD}
    if then.state is not standing.state:
        assert then.since == LATER
    elif event is not E.HELD:
        assert then.since == standing.since
    assert then.reason in {"why", standing.reason}


@pytest.mark.parametrize("standing", list(REACHED.values()))
def test_from_everywhere_answers_lead_back_to_closed(standing):
    at = after(standing, E.RELEASED, now=LATER)
    for _ in range(GOOD_PROBES_TO_CLOSE):
        at = after(at, E.PROBE_WELL, now=LATER)
    assert node(at) == (CLOSED, 0)


@pytest.mark.parametrize("standing", list(REACHED.values()))
def test_a_hold_that_is_told_again_is_the_same_hold(standing):
    once = after(standing, E.HELD, now=BEGAN, reason="vacuum")
    assert after(once, E.HELD, now=BEGAN, reason="vacuum") == once
    assert (once.since, once.reason) == (BEGAN, "vacuum")


@pytest.mark.parametrize("standing", list(REACHED.values()))
def test_a_server_without_room_refuses_nobody_by_its_breaker_and_goes_on_being_asked(standing):
    at = after(standing, E.RELEASED, now=LATER)
    for _ in range(GOOD_PROBES_TO_CLOSE):
        at = after(at, E.PROBE_CROWDED, now=LATER, reason="too many clients")
    assert not at.is_away
    if standing.state is not CLOSED:
        assert at.is_to_be_asked
        assert at.reason == "too many clients"
    assert after(at, E.PROBE_WELL, now=LATER).state is CLOSED
    if standing.state is not CLOSED:
        assert after(at, E.PROBE_FAILED, now=LATER).state is OPEN


def test_a_closed_breaker_remembers_why_it_was_open():
    at = after(FRESH, E.SUSPECTED, now=LATER, reason="silence")
    at = after(at, E.PROBE_FAILED, now=LATER, reason="refused")
    at = after(at, E.PROBE_FAILED, now=LATER, reason="starting up")
    for _ in range(GOOD_PROBES_TO_CLOSE):
        at = after(at, E.PROBE_WELL, now=LATER)
    assert (at.state, at.reason) == (CLOSED, "starting up")


ANSWERS = {E.PROBE_WELL, E.PROBE_CROWDED}


def told(history):
    """The state by what was told, from the end backwards: nothing of the machine's own making."""
    holds = [at for at, event in enumerate(history) if event is E.HELD]
    if holds and E.RELEASED not in history[holds[-1] :]:
        return HELD
    # Released: as after a failed probe, at that moment.
    begun = history.index(E.RELEASED, holds[-1]) if holds else -1
    is_open, is_suspected, good = bool(holds), False, 0
    for event in history[begun + 1 :]:
        if is_open:
            good = good + 1 if event in ANSWERS else 0 if event is E.PROBE_FAILED else good
            is_open, is_suspected = good < 2, good == 2 and event is E.PROBE_CROWDED
            good = good if is_open else 0
        elif is_suspected:
            is_open = event is E.PROBE_FAILED
            is_suspected = event not in {E.PROBE_FAILED, E.PROBE_WELL}
        else:
            is_suspected = event is E.SUSPECTED
    return OPEN if is_open else SUSPECTED if is_suspected else CLOSED


@given(st.lists(st.sampled_from(BreakerEvent), max_size=40))
def test_any_history_ends_where_its_story_says(history):
    at = FRESH
    for seconds, event in enumerate(history):
        before, at = at, after(at, event, now=BEGAN + timedelta(seconds=seconds))
        assert at.since >= before.since
    assert at.state is told(history)


@given(
    st.lists(st.sampled_from([E.SUSPECTED, *ANSWERS, E.RELEASED]), max_size=40),
)
def test_who_always_answers_is_never_refused(history):
    at = FRESH
    for event in history:
        at = after(at, event, now=LATER)
        assert not at.is_away


def test_the_table_of_the_decision_record_is_this_one():
    rows = re.findall(r"^\| ([a-z, ]+) \| ([a-z, ]+) \| ([a-z]+) \|$", RECORD.read_text(), re.M)
    written = {}
    for found, event, then in rows:
        if found == "from":
            continue
        told = E(event.removesuffix(", the second time in a row"))
        written.update(
            {(BreakerState(each), told): BreakerState(then) for each in found.split(", ")}
        )
    ours = {
        (state, event): then for state, row in TRANSITIONS.items() for event, then in row.items()
    }
    assert written == {step: then for step, then in ours.items() if step[0] is not then}
