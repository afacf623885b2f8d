"""The breaker around the machine: it calls the watcher when it must, and never waits."""

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime

import psycopg
import pytest
from django.test import override_settings

from sharding.pools.breaker import (
    AlwaysClosed,
    BreakerState,
    Hold,
    ServerBreaker,
    breaker_for,
    breaker_looks,
)
from sharding.pools.breaking.states import BreakerEvent
from sharding.pools.outages import looks_away, says_away

CLOSED, SUSPECTED, OPEN, HELD = BreakerState


def breaker():
    watched = []
    return ServerBreaker("beta", probe_seconds=0.25, watch=watched.append), watched


def test_the_first_suspicion_has_the_server_asked_and_the_others_do_not():
    made, watched = breaker()
    made.suspect("silence")
    made.suspect("again")
    assert watched == [made]
    look = made.look()
    assert (look.state, look.reason, look.opened) == (SUSPECTED, "silence", 0)
    assert not made.away


def test_an_answer_closes_it_and_the_next_suspicion_asks_again():
    made, watched = breaker()
    made.suspect()
    made.tell(BreakerEvent.PROBE_WELL)
    made.suspect()
    assert len(watched) == 2


def test_it_opens_counts_and_closes():
    made, watched = breaker()
    for times in (1, 2):
        made.suspect()
        made.tell(BreakerEvent.PROBE_FAILED, "no answer")
        assert made.away
        assert made.look().opened == times
        made.suspect("of no interest")
        assert made.look().reason == "no answer"
        made.tell(BreakerEvent.PROBE_WELL)
        made.tell(BreakerEvent.PROBE_WELL)
        assert not made.away
    assert len(watched) == 2, "whoever watches goes on by itself"


def test_a_hold_ends_the_asking_and_its_end_begins_it():
    made, watched = breaker()
    since = datetime(2026, 1, 1, tzinfo=UTC)
    for _ in range(3):
        made.hold(Hold("vacuum", since))
    assert (made.look().state, made.look().since, made.look().opened) == (HELD, since, 1)
    assert watched == []
    made.release()
    assert (made.look().state, watched) == (OPEN, [made])


def test_many_threads_that_suspect_at_once_have_it_asked_once():
    made, watched = breaker()
    at_once = threading.Barrier(8)

    def work():
        at_once.wait()
        made.suspect("silence")

    threads = [threading.Thread(target=work) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert watched == [made]


def test_a_server_that_is_in_no_registry_has_none_that_opens():
    with override_settings(ATOLL_BREAKERS=True):
        found = breaker_for("nobody")
    found.suspect("anything")
    assert isinstance(found, AlwaysClosed)
    assert (found.away, found.look().state) == (False, CLOSED)
    assert "nobody" not in breaker_looks()


@pytest.mark.parametrize("state", ["57014", "55P03", "40001", "40P01", "23505", "42P01", "25P02"])
def test_what_a_statement_did_or_met_is_no_suspicion(state):
    assert not looks_away(psycopg.errors.lookup(state)("x"))


@pytest.mark.parametrize("state", ["08006", "08P01", "57P01", "57P02", "57P03", "57P05", "53300"])
def test_a_server_that_shuts_down_or_cuts_off_is_one(state):
    assert looks_away(psycopg.errors.lookup(state)("x"))


def test_errors_of_the_client_itself_are_suspicions():
    assert looks_away(psycopg.OperationalError("connection refused"))
    assert says_away(psycopg.OperationalError("connection refused"))
    assert not looks_away(psycopg.InterfaceError("the cursor is closed"))


def test_a_script_without_a_project_has_no_breakers_and_may_prepare_a_server():
    code = "from sharding.pools.breaker import breaker_for; print(breaker_for('alpha').away)"
    environment = {key: value for key, value in os.environ.items() if "DJANGO" not in key}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode) == ("False\n", 0), done.stderr
