"""What is noted of a statement, and what a latch makes of it."""

import threading
from contextvars import copy_context

import pytest

from sharding import scope
from sharding.backend.statements import may_write
from sharding.placements.states import PlacementState
from sharding.scope.latch import Latch, current_latch, latched, note_commit
from tenants.gating.meeting import Whereabouts, is_move

PLACE = scope.Placement("t0000ann", "alpha", "t0000ann", 3, "g")


@pytest.mark.parametrize("state", ["42P01", "42501", "42883", "42704", "3F000", "22023"])
def test_what_is_not_found_or_not_allowed_may_have_moved(state):
    with scope.enter(PLACE), latched() as latch:
        current_latch().note(state)
    assert (latch.refused, latch.missed, latch.met) == (None, PLACE, PLACE)


@pytest.mark.parametrize("state", [None, "23505", "40001", "57014", "25P02", "22001", "08006"])
def test_other_errors_say_nothing_of_a_move(state):
    with scope.enter(PLACE), latched() as latch:
        current_latch().note(state)
    assert latch.met is None


def test_a_fence_is_remembered_though_other_errors_follow():
    with scope.enter(PLACE), latched() as latch:
        for state in ("AT001", "25P02", "42P01"):
            current_latch().note(state)
    assert latch.refused == latch.met == PLACE


def test_nothing_is_noted_without_a_tenant():
    with latched() as latch:
        latch.note("AT001")
        with scope.enter(scope.CONTROL):
            latch.note("42P01")
    assert latch.met is None


def test_a_thread_with_the_context_shares_the_latch_and_one_without_has_none():
    seen = []
    with scope.enter(PLACE), latched() as latch:
        context = copy_context()
        for run in (lambda: context.run(note_commit), lambda: seen.append(current_latch())):
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
    assert latch.committed
    assert seen == [None]


def test_latches_do_not_see_each_others_work():
    with latched() as outer:
        with latched():
            note_commit()
        assert current_latch() is outer
    assert outer == Latch()
    assert current_latch() is None
    note_commit()


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "select * from t for update",
        "  (SELECT 1) UNION (SELECT 2)",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "VALUES (1)",
        "SHOW search_path",
        "SET LOCAL work_mem TO '1MB'",
        "SAVEPOINT s",
        "DECLARE c CURSOR FOR SELECT 1",
        "FETCH 1 FROM c",
    ],
)
def test_these_cannot_write(text):
    assert not may_write(text)


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t VALUES (1)",
        " update t set a = 1",
        "DELETE FROM t",
        "MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE",
        "TRUNCATE t",
        "COPY t FROM STDIN",
        "CALL p()",
        "DO $$ BEGIN END $$",
        "EXPLAIN ANALYZE DELETE FROM t",
        "WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x",
        "/* who knows */ SELECT 1",
        "SELECT 1; DELETE FROM t",
        "",
    ],
)
def test_these_can_or_may(text):
    assert may_write(text)


READY, MOVING, DROPPING = (
    PlacementState.READY,
    PlacementState.MOVING,
    PlacementState.DROPPING,
)


@pytest.mark.parametrize(
    ("now", "moved"),
    [
        (Whereabouts(READY, 3), False),
        (Whereabouts(READY, 4), True),
        (Whereabouts(MOVING, 3), True),
        (Whereabouts(MOVING, 4), True),
        (Whereabouts(DROPPING, 4), True),
        (None, False),
    ],
)
def test_not_found_at_epoch_3_is_a_move_where_control_says_so(now, moved):
    assert is_move(3, now) is moved
