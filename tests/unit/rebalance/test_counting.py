"""What counters say since they were last read, and whose size is measured."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sharding.rebalance.counting import Counters, Here, Known, after_this, grown, to_measure
from sharding.rebalance.smoothing import DAY, WEEK, corrected, part_left, part_of_new

HERE = Here("alpha", 3, "g1")
AT = datetime(2026, 1, 1, tzinfo=UTC)
KNOWN = Known("alpha", 3, "g1", 100, 5000, AT, 100)


@pytest.mark.parametrize(
    ("known", "now", "expected"),
    [
        (KNOWN, 150, 50),
        (KNOWN, 100, 0),
        (KNOWN, 40, 0),
        (None, 150, 0),
        (replace(KNOWN, generation="g0"), 150, 0),
        (replace(KNOWN, shard="beta"), 150, 0),
        (replace(KNOWN, arrived_epoch=2), 150, 0),
    ],
    ids=["grew", "idle", "fell", "new", "reset", "came from beta", "was away meanwhile"],
)
def test_only_counters_of_the_same_schema_and_generation_are_compared(known, now, expected):
    assert grown(known, HERE, Counters(1, now, 10)) == expected


def test_the_same_counters_leave_everything_as_it_is():
    assert after_this(KNOWN, HERE, Counters(1, 100, 10)) == KNOWN
    assert to_measure({"t": KNOWN}, most=9) == ([], 0)


def test_a_reset_has_it_measured_even_if_it_counts_up_to_where_it_was():
    after = after_this(KNOWN, replace(HERE, generation="g2"), Counters(1, 100, 10))
    assert to_measure({"t": after}, most=9) == (["t"], 0)
    assert after.bytes == 5000


def test_one_that_has_moved_keeps_its_size_and_is_measured_before_the_others():
    after = after_this(replace(KNOWN, shard="beta"), HERE, Counters(1, 100, 10))
    assert (after.bytes, after.shard) == (5000, "alpha")
    older = replace(KNOWN, written=200, sized_at=AT - timedelta(days=9))
    newer = replace(KNOWN, written=200)
    new = after_this(None, HERE, Counters(1, 5, 1))
    known = {"new": new, "newer": newer, "older": older, "moved": after}
    assert to_measure(known, most=3) == (["moved", "new", "older"], 1)


def test_a_steady_value_is_its_own_mean_at_any_age():
    step, mean = timedelta(minutes=5), 0.0
    for number in range(1, 400):
        mean += part_of_new(step, DAY) * (3.0 - mean)
        assert corrected(mean, age=step * number, span=DAY, step=step) == pytest.approx(3.0)


def test_a_gap_is_as_many_steps_of_nothing():
    step, mean = timedelta(minutes=5), 2.0
    for _ in range(100):
        mean += part_of_new(step, WEEK) * (0.0 - mean)
    assert mean == pytest.approx(2.0 * part_left(step * 100, WEEK))
