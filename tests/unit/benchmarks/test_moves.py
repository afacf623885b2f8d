"""The oracle of the benchmark of moves."""

import pytest

from tests.benchmarks.move_oracle import Verdict, judge


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
        ({"effects": [(1, 1), (1, 2)]}, "lost"),
    ],
)
def test_the_oracle_finds(wrong, name):
    verdict = judge(ANSWERS, **{**SOUND, **wrong})
    assert not verdict.is_clean
    assert getattr(verdict, name) == 1
