"""Quantiles, first refusals and recoveries are those that a reader would count by hand."""

from math import isnan

import pytest

from tests.fixtures.load.figures import (
    Asked,
    Phase,
    by_status,
    first_refusal_s,
    quantile_ms,
    recovery_s,
    slowest_s,
    tell,
)


def asked(due: float, took: float = 0.01, status: int = 200, lane: str = "alpha") -> Asked:
    return Asked(lane, due, took, status, 0.0)


def test_a_quantile_is_a_time_that_was_measured():
    hundred = [asked(0, number / 1000) for number in range(1, 101)]
    assert quantile_ms(hundred, 0.5) == pytest.approx(50)
    assert quantile_ms(hundred, 0.99) == pytest.approx(99)
    assert quantile_ms(hundred[:1], 0.99) == pytest.approx(1)
    assert isnan(quantile_ms([], 0.5))


def test_a_request_belongs_to_the_phase_in_which_it_was_due():
    one, two, other = asked(1.0, took=5), asked(2.0), asked(1.5, lane="beta")
    assert Phase(1.0, 2.0).of([two, other, one], "alpha") == [one]


def test_the_first_refusal_counts_when_it_was_read():
    slow_one = asked(10.1, took=0.9, status=503)
    quick_one = asked(10.5, took=0.1, status=503)
    assert first_refusal_s([slow_one, quick_one], 10.0) == pytest.approx(0.6)
    assert first_refusal_s([asked(10.2, status=500)], 10.0) is None


def test_recovery_lasts_until_the_last_that_failed_and_needs_one_that_did_not():
    failed, served = asked(11.5, status=0), asked(12.0)
    assert recovery_s([asked(10.5), failed, served], 10.0) == pytest.approx(1.5)
    assert recovery_s([served], 10.0) == 0
    assert recovery_s([served, asked(13, status=503)], 10.0) is None
    assert recovery_s([asked(9)], 10.0) is None


def test_requests_without_an_answer_count_as_long_as_they_waited():
    all_of_them = [asked(1), asked(2, took=30, status=0)]
    assert slowest_s(all_of_them) == 30
    assert by_status(all_of_them) == {0: 1, 200: 1}


def test_a_run_is_told_by_lane_and_phase():
    run = [
        asked(1),
        asked(1.5, 0.7, 503),
        asked(2, 0.5, 503),
        asked(3, 0.2, 503),
        asked(3.5),
        asked(1, lane="beta"),
        asked(2, lane="beta"),
        asked(3, lane="beta"),
    ]
    told = tell(run, before=Phase(0, 2), during=Phase(2, 3), after=Phase(3, 4))
    assert told.statuses("alpha", "during") == {503}
    assert told.statuses("beta", "during") == {200}
    assert told.first_503_s == {"alpha": pytest.approx(0.2), "beta": None}
    assert (told.served("alpha", "during"), told.served("beta", "during")) == (0, 1)
    assert told.slowest_s == {"alpha": 0.7, "beta": 0.01}
    assert told.recovery_s == {"alpha": 0.0, "beta": 0.0}
    assert told.lanes["alpha"]["during"].slowest_s == 0.5
