"""What the benchmark of moves makes of what it has seen."""

import pytest

from tests.benchmarks.move_figures import Batch, Copies, as_json, goals, pauses, quantile
from tests.benchmarks.move_oracle import Verdict, judge
from tests.benchmarks.move_plan import plan_of


def answer(kind, writer, number, status=200, asked=0.0, took=0.01):
    return {
        "kind": kind, "writer": writer, "number": number, "status": status, "asked": asked,
        "took": took,
    }  # fmt: skip


ANSWERS = [
    answer("write", 1, 1),
    answer("write", 1, 2, status=503),
    answer("sql", 9, 1),
    answer("sql", 9, 2, status="AT001"),
    answer("read", 0, 1),
]
SOUND = {"rows": [(1, 1), (9, 1)], "effects": [(1, 1)], "counters": {1: 1, 9: 1}}


def test_the_oracle_is_content_where_everything_acknowledged_is_there_once():
    assert judge(ANSWERS, **SOUND) == Verdict(acknowledged=2)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"rows": [(1, 1)], "counters": {1: 1}}, "lost"),
        ({"rows": [(1, 1), (1, 1), (9, 1)], "counters": {1: 2, 9: 1}}, "doubled"),
        ({"effects": [(1, 1), (1, 1)]}, "doubled"),
        ({"effects": []}, "without_effect"),
        ({"counters": {1: 2, 9: 1}}, "torn"),
    ],
)
def test_the_oracle_finds(wrong, name):
    verdict = judge(ANSWERS, **{**SOUND, **wrong})
    assert not verdict.is_clean
    assert getattr(verdict, name) == 1


def moved(pause, began=0.0):
    return {
        "began": began, "ended": began + 1, "steps_ms": {},
        "receipt": {"pause_ms": {"total": pause, "lock": 1.0}},
    }  # fmt: skip


def batch(case, *pause_ms, answers=()):
    moves = [moved(one) for one in pause_ms]
    return Batch(case, moves, answers, Verdict(acknowledged=1), 7.0)


def test_the_file_has_the_keys_that_were_asked_for_and_no_others():
    told = as_json([batch("idle", 30.0), batch("busy", 90.0, 110.0)], None)
    assert set(told) == {
        "pause_ms", "block_pause_ms", "pause_300_tables_ms", "lost_writes", "duplicated_effects",
        "http_503", "client_errors", "longest_request_ms", "copy_mb_per_s", "pgcopydb_mb_per_s",
        "verify_mb_per_s",
    }  # fmt: skip
    assert told["block_pause_ms"] == {"p50": 90.0, "p99": 110.0, "idle_p50": 30.0, "busy_p50": 90.0}
    assert told["pause_ms"] == {"p50": None, "p99": None}


def test_only_requests_under_way_during_a_move_count_for_its_times():
    answers = [answer("read", 0, 1, asked=0.5, took=0.2), answer("read", 0, 2, asked=5.0, took=9.0)]
    one = batch("idle", 30.0, answers=answers)
    assert [found["number"] for found in one.met] == [1]
    assert as_json([one], None)["longest_request_ms"] == 200.0


def test_a_move_that_failed_has_no_pause_and_a_goal_that_is_missed_is_marked():
    failed = Batch("idle", [{"began": 0.0, "ended": 1.0, "error": "no"}], [], Verdict(), 7.0)
    assert pauses([failed]) == []
    assert "not measured" in goals([failed], None)
    assert "(missed)" in goals([batch("idle", 41.0)], None)


def test_rates_are_of_the_rows():
    copies = Copies(10_000_000, 20_000_000, [4.0, 5.0, 6.0], [2.0], [1.0], [])
    assert copies.rate(copies.whole_s) == 2.0
    assert copies.rate(copies.peer_s) is None
    assert quantile([], 0.5) is None


def test_a_plan_that_leaves_something_out_is_a_part():
    assert not plan_of([]).part
    plan = plan_of(["--moves", "5", "--batch", "2"])
    assert plan.part
    assert [(case.name, moves) for case, moves in plan.batches()] == [
        ("idle", 2), ("busy", 2), ("idle", 1), ("busy", 1),
    ]  # fmt: skip
