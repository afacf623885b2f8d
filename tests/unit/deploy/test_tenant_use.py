"""Counting by tenant: whose wait it was, none lost, none counted twice, whoever takes them."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sharding import scope
from sharding.pools.meters import NOTHING_SENT_S, Meter
from sharding.pools.tenant_use import RequestTally, TenantUse, merge_use

ACME = scope.Placement("tacme001", "here", "tacme001", 1, "g")
OTHER = scope.Placement("tother01", "here", "tother01", 1, "g")


def test_a_wait_is_its_tenants_who_is_in_scope():
    meter = Meter("here")
    for place in (ACME, OTHER, ACME):
        with scope.enter(place):
            meter.add(0.25)
    meter.add(1.0)
    assert meter.take_tenants() == {
        "tacme001": TenantUse(statements=2, seconds=0.5),
        "tother01": TenantUse(statements=1, seconds=0.25),
    }
    assert meter.read().messages == 4


def test_a_wait_for_another_server_is_no_load_of_its_shard():
    control = Meter("control")
    with scope.enter(ACME):
        control.add(0.25)
    assert control.take_tenants() == {}
    assert control.read().messages == 1


def test_what_was_taken_is_not_taken_again_and_what_could_not_be_kept_is_merged():
    meter = Meter("here")
    with scope.enter(ACME):
        meter.add(0.25)
        meter.add(NOTHING_SENT_S / 2)
    kept = meter.take_tenants()
    assert meter.take_tenants() == {}
    with scope.enter(ACME):
        meter.add(0.5)
    merge_use(kept, meter.take_tenants())
    merge_use(kept, {"tacme001": TenantUse(requests=3), "tnew0001": TenantUse(requests=1)})
    assert kept == {
        "tacme001": TenantUse(requests=3, statements=2, seconds=pytest.approx(0.75)),
        "tnew0001": TenantUse(requests=1),
    }


def test_no_request_is_lost_or_counted_twice_while_others_take():
    tally, taken = RequestTally(), {}

    def work(_):
        for _ in range(5_000):
            tally.add("tacme001")
        return tally.take()

    with ThreadPoolExecutor(8) as threads:
        for part in threads.map(work, range(8)):
            merge_use(taken, part)
    merge_use(taken, tally.take())
    assert taken == {"tacme001": TenantUse(requests=40_000)}


def test_nothing_piles_up_when_nobody_takes():
    tally = RequestTally()
    for _ in range(10_500):
        tally.add("tacme001")
    assert len(tally._fresh) < 1_000
    assert tally.take()["tacme001"].requests == 10_500


def test_a_forked_child_begins_at_nothing_even_if_the_parent_was_summing():
    tally, meter = RequestTally(), Meter("here")
    tally.add("tacme001")
    tally._summing.acquire()
    meter._summing.acquire()
    with scope.enter(ACME):
        meter.add(1.0)
    tally.begin()
    meter.begin_tenants()
    assert (tally.take(), meter.take_tenants()) == ({}, {})
