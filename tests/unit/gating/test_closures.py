"""Whose gates are closed in a process, and what it says of that."""

import time

from tenants.gating.closures import Closures

ANN, BOB = "t0000ann", "t0000bob"


def nobody(tenant_id):
    return 0


def test_a_gate_is_closed_until_it_is_lifted_and_its_neighbours_is_open():
    closures = Closures()
    assert not closures.is_closed(ANN)
    closures.close(ANN, epoch=3, announcement=7)
    assert closures.is_closed(ANN)
    assert not closures.is_closed(BOB)
    closures.lift(ANN)
    closures.lift(ANN)
    assert not closures.is_closed(ANN)


def test_a_closure_that_nobody_lifts_ends_and_is_told_no_longer():
    closures = Closures()
    closures.close(ANN, epoch=3, announcement=7, seconds=0.02)
    assert closures.looks(nobody) == {ANN: {"announcement": 7, "in_flight": 0}}
    time.sleep(0.03)
    assert not closures.is_closed(ANN)
    assert closures.looks(nobody) == {}


def test_what_was_announced_is_told_with_who_is_inside_and_what_a_request_met_is_not():
    closures = Closures()
    closures.close(ANN, epoch=3, announcement=7)
    closures.close(BOB, epoch=1, seconds=5)
    assert closures.looks({ANN: 4, BOB: 2}.__getitem__) == {
        ANN: {"announcement": 7, "in_flight": 4}
    }


def test_what_a_request_met_does_not_shorten_what_was_announced():
    closures = Closures()
    closures.close(ANN, epoch=3, announcement=7)
    closures.close(ANN, epoch=3, seconds=0.0)
    assert closures.is_closed(ANN)


def test_a_closure_that_is_announced_again_is_told_with_the_newer_number():
    closures = Closures()
    closures.close(ANN, epoch=3, announcement=7)
    closures.close(ANN, epoch=3, announcement=9)
    assert closures.looks(nobody)[ANN]["announcement"] == 9


def test_a_newer_epoch_opens_a_gate_and_the_same_one_does_not():
    closures = Closures()
    closures.close(ANN, epoch=3, announcement=7)
    closures.seen_ready(ANN, 3)
    assert closures.is_closed(ANN)
    closures.seen_ready(ANN, 4)
    assert not closures.is_closed(ANN)
    closures.seen_ready(BOB, 1)
