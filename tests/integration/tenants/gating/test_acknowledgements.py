"""Whoever closes a gate is told by every process what is still under way there."""

import os
import time
from datetime import timedelta
from functools import partial

import pytest

from sharding.placements.errors import NoSuchPlacement, WrongPlacementState
from sharding.placements.models import Announcement, AuditEntry, Process
from sharding.placements.services import processes
from sharding.pools.process_slots import slots
from sharding.pools.slots import SlotLimits
from sharding.registry import current as addresses
from sharding.schemas.connections import login_connection
from tenants.gating.process import gates
from tenants.services.gate import close_gate, open_gate
from tests.fixtures.waiting import wait_for

pytestmark = [pytest.mark.urls("tests.integration.tenants.gating.views")]

soon = partial(wait_for, seconds=15)
ANY = SlotLimits(shard=0, doubtful=0)
LONG = timedelta(seconds=20)
EVER = timedelta(seconds=20)


def mine():
    return Process.objects.using("control").filter(pid=os.getpid())


def listeners():
    server = addresses.registry().control
    with login_connection(server, server.direct, server.web) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'atoll ear'"
        )
        return {pid for (pid,) in found}


@pytest.fixture
def heartbeat(move, settings):
    """This process beats so seldom that what it says soon, it says because it was called."""
    Process.objects.using("control").all().delete()
    settings.ATOLL_HEARTBEAT_SECONDS = 30
    processes.ensure_heartbeat("test")
    soon(lambda: mine().exists() and listeners())
    yield
    processes.stop_heartbeat()
    assert not mine().exists()


@pytest.mark.usefixtures("heartbeat")
def test_a_process_without_anything_under_way_says_so_at_once(move):
    move.begin()
    began = time.monotonic()
    report = close_gate(move.tenant.id, within=LONG, heard_within=EVER)
    assert time.monotonic() - began < 5
    assert (report.processes, report.acknowledged, report.in_flight) == (1, 1, 0)
    assert report.is_drained
    assert gates().closures.is_closed(move.tenant.id)
    open_gate(move.tenant.id)
    soon(lambda: not gates().closures.is_closed(move.tenant.id))
    soon(lambda: mine().get().gates == {})


@pytest.mark.usefixtures("heartbeat")
def test_what_is_under_way_is_waited_for_and_no_longer_than_told(move):
    slot = slots().take("alpha", ANY, tenant=move.tenant.id)
    try:
        move.begin()
        report = close_gate(move.tenant.id, within=timedelta(seconds=0.8), heard_within=EVER)
        assert (report.acknowledged, report.in_flight, report.is_drained) == (1, 1, False)
        (holder,) = report.holders
        assert f":{os.getpid()} has 1 under way" in holder
    finally:
        slot.give_back()
    report = close_gate(move.tenant.id, within=LONG, heard_within=EVER)
    assert (report.acknowledged, report.in_flight, report.holders) == (1, 0, ())


@pytest.mark.usefixtures("heartbeat")
def test_the_end_of_what_was_under_way_is_told_at_once(move, at_once):
    slot = slots().take("alpha", ANY, tenant=move.tenant.id)
    move.begin()
    closing = at_once(close_gate, move.tenant.id, within=LONG, heard_within=EVER)
    soon(lambda: mine().get().gates.get(move.tenant.id, {}).get("in_flight") == 1)
    began = time.monotonic()
    slot.give_back()
    assert closing.result(15).is_drained
    assert time.monotonic() - began < 5


@pytest.mark.usefixtures("heartbeat")
def test_a_task_under_way_counts_as_well(move):
    move.begin()
    with gates().tasks.working_for(move.tenant.id):
        report = close_gate(move.tenant.id, within=timedelta(seconds=0.8), heard_within=EVER)
    assert report.in_flight == 1


@pytest.mark.usefixtures("heartbeat")
def test_a_process_that_says_nothing_is_waited_for_a_moment_only(move):
    deaf = Process.objects.using("control").create(kind="deaf", host="somewhere", pid=1)
    try:
        move.begin()
        report = close_gate(move.tenant.id, within=LONG, heard_within=timedelta(seconds=0.5))
        assert (report.processes, report.acknowledged, report.in_flight) == (2, 1, 0)
    finally:
        deaf.delete(using="control")


@pytest.mark.usefixtures("heartbeat")
def test_an_answer_to_an_earlier_question_is_none_to_this_one(move):
    move.begin()
    close_gate(move.tenant.id, within=LONG, heard_within=EVER)
    before = mine().get().gates[move.tenant.id]["announcement"]
    close_gate(move.tenant.id, within=LONG, heard_within=EVER)
    assert mine().get().gates[move.tenant.id]["announcement"] > before


@pytest.mark.usefixtures("heartbeat")
def test_a_request_waits_from_the_closing_to_the_opening(move, ask, at_once):
    assert ask("/reads/").status == 200
    move.begin()
    close_gate(move.tenant.id, within=LONG, heard_within=EVER)
    asked = at_once(ask, "/writes/?name=late")
    wait_for(lambda: gates().room.count() == 1)
    move.switch()
    open_gate(move.tenant.id)
    assert asked.result(10).body == b'{"shard": "beta"}'
    assert move.names("beta") == ["late"]


@pytest.mark.usefixtures("heartbeat")
def test_a_process_whose_line_is_cut_listens_again(move):
    move.begin()
    heard = close_gate(move.tenant.id, within=LONG, heard_within=EVER)
    assert heard.acknowledged == 1, "who has only connected does not listen yet"
    cut = listeners()
    server = addresses.registry().control
    with login_connection(server, server.direct, server.web) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM unnest(%s::int[]) pid", [[*cut]])
    soon(lambda: listeners() - cut)
    heard = close_gate(move.tenant.id, within=LONG, heard_within=EVER)
    assert heard.acknowledged == 1


def test_a_process_that_begins_later_knows_of_the_gate(move, settings):
    Process.objects.using("control").all().delete()
    settings.ATOLL_HEARTBEAT_SECONDS = 30
    move.begin()
    assert close_gate(move.tenant.id, within=timedelta(seconds=0.1)).processes == 0
    assert not gates().closures.is_closed(move.tenant.id)
    processes.ensure_heartbeat("test")
    try:
        soon(lambda: mine().exists() and gates().closures.is_closed(move.tenant.id))
        report = close_gate(move.tenant.id, within=LONG, heard_within=EVER)
        assert report.acknowledged == 1
    finally:
        processes.stop_heartbeat()


def test_without_a_line_of_its_own_a_process_hears_with_its_heartbeat(move, settings, monkeypatch):
    monkeypatch.setattr("sharding.placements.services.ear.Ear._listen", lambda self: None)
    Process.objects.using("control").all().delete()
    settings.ATOLL_HEARTBEAT_SECONDS = 0.1
    processes.ensure_heartbeat("test")
    try:
        soon(lambda: mine().exists())
        move.begin()
        report = close_gate(move.tenant.id, within=LONG, heard_within=EVER)
        assert report.acknowledged == 1
    finally:
        processes.stop_heartbeat()


def test_the_gate_of_a_tenant_that_does_not_move_is_not_closed(move):
    told = Announcement.objects.using("control").count()
    with pytest.raises(WrongPlacementState, match="is ready and cannot become closed"):
        close_gate(move.tenant.id, within=LONG)
    with pytest.raises(NoSuchPlacement):
        close_gate("t0gonegone", within=LONG)
    with pytest.raises(NoSuchPlacement):
        open_gate("t0gonegone")
    assert Announcement.objects.using("control").count() == told


def test_who_closed_and_opened_it_is_written_down(move):
    Process.objects.using("control").all().delete()
    move.begin()
    close_gate(move.tenant.id, within=timedelta(0))
    open_gate(move.tenant.id)
    open_gate(move.tenant.id)
    entries = AuditEntry.objects.using("control").filter(subject=move.tenant.id)
    opened, again, closed = entries.filter(action__startswith="tenant.gate.")[:3]
    assert [each.action for each in (opened, again, closed)] == [
        "tenant.gate.open",
        "tenant.gate.open",
        "tenant.gate.close",
    ]
    assert (closed.after["processes"], closed.after["in_flight"]) == (0, 0)
