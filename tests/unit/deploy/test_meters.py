"""Counting waits: exact with many threads, bounded in memory, anew after a fork."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sharding.pools.deadline import deadlined_for
from sharding.pools.meters import NOTHING_SENT_S, Meter, Waited, meter_for, read_meters


def test_no_wait_is_lost_or_counted_twice_while_others_read():
    meter = Meter()

    def work(_):
        for _ in range(5_000):
            meter.add(0.001)
        return meter.read().messages

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    assert meter.read() == Waited(40_000, pytest.approx(40.0), 0)


def test_nothing_piles_up_when_nobody_reads():
    meter = Meter()
    for _ in range(10_500):
        meter.add(0.001)
    assert len(meter._fresh) < 1_000
    assert meter.read().messages == 10_500


def test_a_wait_for_nothing_is_none():
    meter = Meter()
    meter.add(NOTHING_SENT_S / 2)
    meter.add(NOTHING_SENT_S)
    assert meter.read().messages == 1


def test_a_wait_that_was_given_up_counts_as_both():
    meter = Meter()
    meter.add_given_up(3.5)
    assert meter.read() == Waited(1, 3.5, 1)


def test_a_forked_child_begins_at_nothing_even_if_the_parent_was_summing():
    meter = Meter()
    meter.add(1.0)
    meter._summing.acquire()
    meter.begin()
    assert meter.read() == Waited(0, 0.0, 0)


def test_connections_of_a_server_share_its_meter():
    assert deadlined_for("of this test").meter is meter_for("of this test")
    assert deadlined_for("of this test").meter is not deadlined_for("of another").meter
    assert read_meters()["of this test"] == Waited(0, 0.0, 0)
