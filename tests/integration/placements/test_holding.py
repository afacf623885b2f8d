"""An operator holds a shard and releases it: every process follows, also those that begin later."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from sharding.placements.models import AuditEntry, Process, Shard
from sharding.placements.services import processes
from sharding.placements.services.breakers import server_breakers, sum_up
from sharding.placements.services.holding import hold_shard, release_shard
from sharding.pools.breaker import BreakerLook, BreakerState, breaker_for
from sharding.registry import current as registry
from sharding.schemas.connections import BRIEF, own_connection
from tests.fixtures.breakers import becomes, breakers_on
from tests.fixtures.shards import held_shards

CLOSED, SUSPECTED, OPEN, HELD = BreakerState


@pytest.fixture(autouse=True)
def released():
    yield
    Shard.objects.using("control").update(held_since=None, held_reason="")


@pytest.fixture
def heartbeat(settings):
    settings.ATOLL_HEARTBEAT_SECONDS = 0.05
    with breakers_on():
        processes.ensure_heartbeat("test")
        yield
        processes.stop_heartbeat()


def audited():
    found = AuditEntry.objects.using("control").filter(subject="beta", action__contains=".")
    return [(entry.action, entry.after.get("reason", "")) for entry in found[:2]][::-1]


def run(*words):
    out = io.StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


@pytest.mark.usefixtures("heartbeat")
def test_every_process_hears_of_it_and_of_its_end_and_the_owner_works_meanwhile():
    becomes("beta", CLOSED)
    run("hold_shard", "beta", "--reason", "new disks")
    becomes("beta", HELD)
    assert breaker_for("beta").look().reason == "new disks"
    assert breaker_for("alpha").look().state is CLOSED
    with own_connection(registry.shard("beta"), BRIEF) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    listed = run("list_shards", "beta")
    assert "held" in listed
    assert "new disks" in listed
    run("release_shard", "beta")
    becomes("beta", CLOSED)
    assert audited() == [("shard.hold", "new disks"), ("shard.release", "")]


def test_a_process_that_begins_later_finds_it(settings):
    hold_shard("beta", reason="new disks")
    settings.ATOLL_HEARTBEAT_SECONDS = 0.05
    with breakers_on():
        processes.ensure_heartbeat("later")
        try:
            becomes("beta", HELD)
        finally:
            processes.stop_heartbeat()


def test_holding_twice_changes_nothing_but_a_new_reason():
    first = hold_shard("beta", reason="new disks")
    assert (first.before, first.is_changed) == (None, True)
    again = hold_shard("beta", reason=" new  disks ")
    assert (again.after, again.is_changed) == (first.after, False)
    other = hold_shard("beta", reason="newer disks")
    assert (other.after.since, other.after.reason) == (first.after.since, "newer disks")
    entries = AuditEntry.objects.using("control").filter(subject="beta", action="shard.hold")
    assert [entry.after["reason"] for entry in entries[:2]] == ["newer disks", "new disks"]
    assert release_shard("beta").is_changed
    assert not release_shard("beta").is_changed
    assert held_shards() == set()


def test_a_dry_run_says_what_would_be_and_changes_nothing():
    before = AuditEntry.objects.using("control").count()
    told = run("hold_shard", "beta", "--reason", "new disks", "--dry-run")
    assert told.startswith("beta would be held: new disks")
    assert "would be" not in run("release_shard", "beta", "--dry-run")
    assert held_shards() == set()
    assert AuditEntry.objects.using("control").count() == before


def test_what_was_done_is_told_as_json():
    told = json.loads(run("hold_shard", "beta", "--reason", "new disks", "--json"))
    assert (told["shard"], told["changed"], told["before"]) == ("beta", True, None)
    assert told["after"]["reason"] == "new disks"
    (line,) = json.loads(run("list_shards", "beta", "--json"))
    assert line["held"] == told["after"]
    assert json.loads(run("release_shard", "beta", "--json"))["after"] is None


@pytest.mark.parametrize(
    ("words", "returncode", "told"),
    [
        (("hold_shard", "gamma", "--reason", "x"), 2, "There is no shard 'gamma'"),
        (("hold_shard", "control", "--reason", "x"), 2, "There is no shard 'control'"),
        (("hold_shard", "beta", "--reason", "  "), 2, "Say in a few words why"),
        (("release_shard", "gamma"), 2, "There is no shard 'gamma'"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_changed(words, returncode, told):
    with pytest.raises(CommandError, match=told) as refusal:
        call_command(*words)
    assert refusal.value.returncode == returncode
    assert held_shards() == set()


def row(pid, **looks):
    return Process(kind="web", host="rock", pid=pid, breakers=looks)


def test_the_worst_of_all_processes_is_told_first(heartbeat):
    becomes("beta", CLOSED)
    mine = breaker_for("beta").look()
    well = mine.to_json()
    bad = BreakerLook(OPEN, "no answer", mine.since, 2).to_json()
    rows = [row(1, beta=well), row(2, beta=bad), row(3, beta=well, redis=True), row(4)]
    (name, found), *others = sum_up(rows).items()
    assert (name, others) == ("beta", [])
    assert found.summary == "open in 1 of 3"
    assert (found.where, found.worst.reason) == ("web rock:2", "no answer")
    assert sum_up([row(1, beta=well)])["beta"].summary == "closed"
    assert set(server_breakers()) <= {"alpha", "beta", "control"}


@pytest.mark.parametrize("state", BreakerState)
def test_every_state_has_its_rank(state):
    since = breaker_for("beta").look().since
    look = BreakerLook(state, "because", since, 1).to_json()
    found = sum_up([row(1, beta=look)])["beta"]
    assert found.worst is not None
    assert found.worst.state is state
