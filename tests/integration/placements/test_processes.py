"""Every process says that it lives, hears what is new and reads the registry again."""

import io
import multiprocessing
import os
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import psycopg
import pytest
from django.core.management import call_command
from django.db import OperationalError, connections, transaction
from django.db.models.functions import Now

from sharding.backend.wrapper import open_pools
from sharding.placements.models import Announcement, Process, Shard
from sharding.placements.services import processes
from sharding.placements.services.breakers import read_looks
from sharding.placements.services.listing import list_shards
from sharding.pools.breaker import BreakerLook, BreakerState, install_breaker
from sharding.registry import current as addresses
from sharding.registry.toml_file import write_registry
from sharding.registry.types import Endpoint
from tests.fixtures.connections import forget_connections
from tests.fixtures.waiting import wait_for

soon = partial(wait_for, seconds=15)


def mine():
    return Process.objects.using("control").filter(pid=os.getpid())


@pytest.fixture
def heartbeat(settings):
    settings.ATOLL_HEARTBEAT_SECONDS = 0.05
    processes.ensure_heartbeat("test")
    soon(lambda: mine().exists())
    yield
    processes.stop_heartbeat()


@pytest.mark.usefixtures("heartbeat")
def test_a_process_is_seen_and_seen_again_and_gone_when_it_ends():
    first = mine().get()
    assert (first.kind, first.pid) == ("test", os.getpid())
    soon(lambda: mine().get().seen_at > first.seen_at)
    processes.ensure_heartbeat("test")
    assert mine().count() == 1
    assert processes.live_processes().filter(pid=os.getpid()).exists()
    processes.stop_heartbeat()
    assert not mine().exists()


class Away:
    away = True
    since = datetime.now(UTC)

    def suspect(self, reason=""):
        pass

    def look(self):
        return BreakerLook(BreakerState.OPEN, "no answer", self.since, 3)


@pytest.mark.usefixtures("heartbeat")
def test_a_process_says_which_servers_it_holds_to_be_away():
    soon(lambda: mine().get().breakers == {})
    install_breaker("beta", Away())
    try:
        soon(lambda: read_looks(mine().get().breakers) == {"beta": Away().look()})
    finally:
        install_breaker("beta", None)
    soon(lambda: mine().get().breakers == {})


def test_a_process_says_what_its_pools_hold_and_closes_those_that_nobody_uses(settings):
    settings.ATOLL_HEARTBEAT_SECONDS = 0.05
    settings.ATOLL_POOL_IDLE_SECONDS = 1
    settings.ATOLL_POOL = {"max_size": 2}
    forget_connections()
    connections["alpha"].ensure_connection()
    processes.ensure_heartbeat("test")
    try:
        soon(lambda: mine().exists())
        soon(lambda: mine().get().pools["alpha"]["open"] == 1)
        # Whoever has its connection keeps the pool.
        time.sleep(1.5)
        assert mine().get().pools["alpha"]["open"] == 1
        connections["alpha"].close()
        soon(lambda: mine().get().pools.get("alpha", {}).get("open", 0) == 0)
        assert "alpha" not in open_pools()
    finally:
        processes.stop_heartbeat()
        forget_connections()


def test_list_shards_adds_up_what_living_processes_hold():
    def look(opened, waiting):
        return {"open": opened, "idle": 1, "waiting": waiting, "given_up": 2}

    def row(host, opened, waiting=0):
        pools = {"alpha": look(opened, waiting), "control": look(9, 9)}
        return Process(kind="test", host=host, pid=1, pools=pools)

    def held_by_others(shard):
        """Servers of other tests may live, or have died a moment ago."""
        others = processes.live_processes().exclude(id__in=[each.id for each in rows])
        looks = [other.pools[shard] for other in others if shard in other.pools]
        held = sum((Counter({name: each[name] for name in names}) for each in looks), Counter())
        return held + Counter(processes=len(looks))

    def columns(shard):
        out = io.StringIO()
        call_command("list_shards", shard, stdout=out)
        heads, cells = (line.split() for line in out.getvalue().splitlines())
        assert heads[8:13] == ["OPEN", "IDLE", "WAITING", "GIVEN", "UP"]
        return dict(zip(names, map(int, cells[10:14]), strict=True))

    def adds_up():
        before = held_by_others("alpha"), held_by_others("beta")
        found = {line.name: Counter(line.pools) for line in list_shards(["alpha", "beta"])}
        shown = columns("alpha")
        if before != (held_by_others("alpha"), held_by_others("beta")):
            return False
        living = Counter(processes=2, open=7, idle=2, waiting=1, given_up=4)
        assert found["alpha"] == living + before[0]
        assert found["beta"] == before[1]
        assert shown == {name: found["alpha"][name] for name in names}
        return True

    names = ["open", "idle", "waiting", "given_up"]
    rows = [row("one", 3), row("other", 4, 1), row("dead", 9), Process(kind="t", host="old", pid=1)]
    Process.objects.using("control").bulk_create(rows)
    dead = Process.objects.using("control").filter(host="dead")
    dead.update(seen_at=Now() - timedelta(minutes=1))
    try:
        soon(adds_up)
    finally:
        Process.objects.using("control").filter(id__in=[each.id for each in rows]).delete()


@pytest.mark.usefixtures("heartbeat")
def test_announcements_are_heard_in_order_and_acknowledged():
    heard = []
    listener = processes.on_announcement(lambda said: heard.append((said.kind, said.subject)))
    try:
        soon(lambda: mine().get().seen_at)
        processes.announce("tenant.changed", "t1")
        last = processes.announce("tenant.changed", "t2", reason="test")
        soon(lambda: len(heard) == 2)
        assert heard == [("tenant.changed", "t1"), ("tenant.changed", "t2")]
        soon(lambda: mine().get().last_announcement == last.id)
    finally:
        processes._listeners.remove(listener)


@pytest.mark.usefixtures("heartbeat")
def test_what_was_committed_after_a_later_announcement_is_heard_all_the_same(fleet):
    heard = []
    listener = processes.on_announcement(lambda said: heard.append(said.subject))
    try:
        soon(processes.hears)
        with psycopg.connect(fleet.admin_conninfo("control")) as other:
            # Its id is given out now, and nobody sees it until this ends.
            other.execute(
                "INSERT INTO placements_announcement (kind, subject, body, at)"
                " VALUES ('tenant.changed', 'slow', '{}', now())"
            )
            processes.announce("tenant.changed", "quick")
            soon(lambda: heard)
            assert heard == ["quick"]
        soon(lambda: len(heard) == 2)
        assert heard == ["quick", "slow"]
    finally:
        processes._listeners.remove(listener)


def test_a_process_hears_while_it_beats_and_no_longer(settings, monkeypatch):
    settings.ATOLL_HEARTBEAT_SECONDS = 0.05
    assert not processes.hears()
    processes.ensure_heartbeat("test")
    try:
        soon(processes.hears)
        monkeypatch.setattr(processes.Heartbeat, "beat", _no_answer)
        soon(lambda: not processes.hears())
    finally:
        processes.stop_heartbeat()
    assert not processes.hears()


def _no_answer(self):
    raise OperationalError("away")


@pytest.mark.usefixtures("heartbeat")
def test_nobody_hears_what_was_rolled_back_and_one_deaf_listener_stops_no_other(caplog):
    heard = []

    def deaf(said: Announcement) -> None:
        raise ZeroDivisionError

    for listener in (deaf, lambda said: heard.append(said.subject)):
        processes.on_announcement(listener)
    try:
        with transaction.atomic(using="control"):
            processes.announce("tenant.changed", "never")
            transaction.set_rollback(True, using="control")
        processes.announce("tenant.changed", "ever")
        soon(lambda: heard)
        assert heard == ["ever"]
        assert "was not taken in by" in caplog.text
    finally:
        del processes._listeners[-2:]


@pytest.mark.usefixtures("heartbeat")
def test_the_registry_is_read_again_when_a_shard_row_says_so(fleet):
    before = addresses.registry()
    newer = replace(before, version=before.version + 1)
    shard = Shard.objects.using("control").filter(name="alpha")
    kept = shard.get()
    write_registry(fleet.files.registry, newer)
    try:
        time.sleep(0.2)
        assert addresses.registry().version == before.version
        shard.update(registry_version=newer.version)
        soon(lambda: addresses.registry().version == newer.version)
        soon(lambda: mine().get().registry_version == newer.version)
        # What did not change is the same object: its connections go on.
        assert addresses.registry().shards["alpha"] is before.shards["alpha"]
    finally:
        kept.save(using="control")
        write_registry(fleet.files.registry, before)
        addresses.install(before)


@pytest.mark.usefixtures("heartbeat")
def test_a_registry_that_is_not_here_yet_is_told_once_and_the_old_one_stays(caplog):
    before = addresses.registry()
    shard = Shard.objects.using("control").filter(name="alpha")
    kept = shard.get()
    shard.update(registry_version=before.version + 7)
    try:
        soon(lambda: "is not on this machine yet" in caplog.text)
        time.sleep(0.3)
        assert caplog.text.count("is not on this machine yet") == 1
        assert addresses.registry().version == before.version
    finally:
        kept.save(using="control")


@pytest.mark.usefixtures("heartbeat")
def test_a_registry_that_cannot_be_read_ends_no_heartbeat_and_the_old_one_stays(fleet, caplog):
    before = addresses.registry()
    shard = Shard.objects.using("control").filter(name="alpha")
    kept, text = shard.get(), fleet.files.registry.read_text()
    fleet.files.registry.write_text("version = [")
    time.sleep(0.1)
    shard.update(registry_version=before.version + 1)
    try:
        soon(lambda: "this is no TOML" in caplog.text)
        time.sleep(0.3)
        assert caplog.text.count("this is no TOML") == 1
        assert addresses.registry() is before
        seen = mine().get().seen_at
        soon(lambda: mine().get().seen_at > seen)
    finally:
        fleet.files.registry.write_text(text)
        kept.save(using="control")


@pytest.mark.usefixtures("heartbeat")
def test_a_registry_of_which_a_part_is_here_is_not_used(fleet, caplog):
    before = addresses.registry()
    shard = Shard.objects.using("control").filter(name="alpha")
    kept, text = shard.get(), fleet.files.registry.read_text()
    newer = replace(before, version=before.version + 1)
    write_registry(fleet.files.registry, newer)
    whole = fleet.files.registry.read_text()
    # Cut off before its last shard: TOML all the same.
    fleet.files.registry.write_text(whole[: whole.rindex("[shards.")])
    try:
        shard.update(registry_version=newer.version)
        soon(lambda: "is not on this machine yet" in caplog.text)
        time.sleep(0.2)
        assert addresses.registry() is before
        fleet.files.registry.write_text(whole)
        soon(lambda: addresses.registry().version == newer.version)
    finally:
        kept.save(using="control")
        fleet.files.registry.write_text(text)
        addresses.install(before)


@pytest.mark.usefixtures("heartbeat")
def test_control_away_ends_no_heartbeat_and_is_told_once(fleet, caplog):
    first = mine().get()
    fleet.stop_server("control")
    try:
        soon(lambda: "No heartbeat, going on without" in caplog.text)
        time.sleep(0.3)
        assert caplog.text.count("No heartbeat") == 1
    finally:
        fleet.start_server("control")
        connections.close_all()
    soon(lambda: mine().get().seen_at > first.seen_at, seconds=10)


@pytest.mark.usefixtures("heartbeat")
def test_a_control_that_stands_elsewhere_now_is_found_by_a_newer_file(fleet):
    before = addresses.registry()
    nowhere = Endpoint("127.0.0.1", 1, before.control.direct.dbname)
    lost = replace(before.control, direct=nowhere, pooled=nowhere)
    seen = mine().get().seen_at
    try:
        addresses.install(replace(before, control=lost))
        time.sleep(0.3)
        assert addresses.registry().control == lost, "a file that is not newer says nothing"
        write_registry(fleet.files.registry, replace(before, version=before.version + 1))
        soon(lambda: addresses.registry().control == before.control)
        soon(lambda: mine().get().seen_at > seen)
    finally:
        write_registry(fleet.files.registry, before)
        addresses.install(before)


def beat_in_child(pids) -> None:
    processes.ensure_heartbeat("child")
    soon(lambda: mine().exists())
    pids.put(os.getpid())
    processes.stop_heartbeat()


@pytest.mark.usefixtures("heartbeat")
@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_forked_child_beats_by_itself():
    fork = multiprocessing.get_context("fork")
    pids = fork.Queue()
    child = fork.Process(target=beat_in_child, args=(pids,))
    child.start()
    assert pids.get(timeout=20) == child.pid
    child.join(20)
    assert child.exitcode == 0
    soon(lambda: mine().get().kind == "test")


def test_a_process_that_begins_sweeps_away_the_long_silent(settings):
    settings.ATOLL_HEARTBEAT_SECONDS = 0.05
    dead = Process.objects.using("control").create(kind="dead", host="gone", pid=1)
    fresh = Process.objects.using("control").create(kind="fresh", host="elsewhere", pid=2)
    rows = Process.objects.using("control").filter(id__in=[dead.id, fresh.id])
    rows.filter(id=dead.id).update(seen_at=Now() - timedelta(hours=2))
    processes.ensure_heartbeat("test")
    try:
        soon(lambda: mine().exists())
        assert rows.get() == fresh
    finally:
        processes.stop_heartbeat()
        rows.delete()


def test_the_silent_are_forgotten_after_a_while():
    Process.objects.using("control").create(kind="dead", host="gone", pid=1)
    dead = Process.objects.using("control").filter(host="gone")
    assert processes.purge_processes() == 0
    time.sleep(0.02)
    assert processes.purge_processes(silent_for=timedelta(milliseconds=10)) >= 1
    assert not dead.exists()
    said = processes.announce("old", "news")
    assert processes.purge_announcements() == 0
    time.sleep(0.02)
    processes.purge_announcements(older_than=timedelta(milliseconds=10))
    assert not Announcement.objects.using("control").filter(id=said.id).exists()
