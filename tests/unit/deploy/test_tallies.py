"""Counting waits: exact with many threads, bounded in memory, anew after a fork."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sharding.pools.deadline import deadlined_for
from sharding.pools.tallies import NOTHING_SENT_S, Tally, Waited, read_tallies, tally_for


def test_no_wait_is_lost_or_counted_twice_while_others_read():
    tally = Tally()

    def work(_):
        for _ in range(5_000):
            tally.add(0.001)
        return tally.read().messages

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    assert tally.read() == Waited(40_000, pytest.approx(40.0), 0)


def test_nothing_piles_up_when_nobody_reads():
    tally = Tally()
    for _ in range(10_500):
        tally.add(0.001)
    assert len(tally._fresh) < 1_000
    assert tally.read().messages == 10_500


def test_a_wait_for_nothing_is_none():
    tally = Tally()
    tally.add(NOTHING_SENT_S / 2)
    tally.add(NOTHING_SENT_S)
    assert tally.read().messages == 1


def test_a_wait_that_was_given_up_counts_as_both():
    tally = Tally()
    tally.add_given_up(3.5)
    assert tally.read() == Waited(1, 3.5, 1)


def test_a_forked_child_begins_at_nothing_even_if_the_parent_was_summing():
    tally = Tally()
    tally.add(1.0)
    tally._summing.acquire()
    tally.begin()
    assert tally.read() == Waited(0, 0.0, 0)


def test_connections_of_a_server_share_its_tally():
    assert deadlined_for("gamma").tally is tally_for("gamma")
    assert deadlined_for("gamma").tally is not deadlined_for("delta").tally
    assert read_tallies()["gamma"] == Waited(0, 0.0, 0)
