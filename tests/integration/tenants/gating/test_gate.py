"""Requests of a tenant that moves wait, bounded in time and in number, and go on where it is."""

import asyncio
import threading
import time

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import RequestFactory

from sharding.placements.services.leases import lease
from sharding.pools.process_slots import slots
from tenants.gating.process import gates
from tenants.gating.rescue import register_rescue
from tenants.gating.waiting import wait_async
from tenants.middleware import TenantMiddleware
from tenants.serving import Verdict
from tests.fixtures.waiting import wait_for

pytestmark = [pytest.mark.urls("tests.integration.tenants.gating.views")]


def waiting(number=1):
    return lambda: gates().room.count() == number


async def until(true):
    ends = time.monotonic() + 20
    while not true():
        assert time.monotonic() < ends
        await asyncio.sleep(0.01)


def keepers():
    return [each for each in threading.enumerate() if each.name == "atoll gate keeper"]


def test_who_waits_goes_on_at_the_other_shard(move, ask, at_once):
    assert ask("/reads/").body == b'{"shard": "alpha", "groups": []}'
    move.begin()
    move.tell()
    asked = at_once(ask, "/writes/?name=late")
    wait_for(waiting())
    assert slots().of_tenant(move.tenant.id) == 0, "who waits is not inside"
    time.sleep(0.2)
    assert not asked.done()
    move.switch()
    answer = asked.result(10)
    assert (answer.status, answer.body) == (200, b'{"shard": "beta"}')
    assert (move.names("alpha"), move.names("beta")) == ([], ["late"])


def test_who_waits_goes_on_where_it_was_if_the_move_is_given_up(move, ask, at_once):
    move.begin()
    asked = at_once(ask, "/reads/")
    wait_for(waiting())
    move.give_up()
    assert asked.result(10).body == b'{"shard": "alpha", "groups": []}'


def test_nobody_asks_any_more_once_nobody_waits(move, ask, at_once):
    move.begin()
    asked = [at_once(ask, "/reads/") for _ in range(3)]
    wait_for(waiting(3))
    assert len(keepers()) == 1
    move.give_up()
    assert [each.result(10).status for each in asked] == [200] * 3
    wait_for(lambda: not keepers())


def test_who_waits_for_a_move_on_which_nobody_works_asks_for_its_end(move, ask, at_once):
    asked_for = []
    before = register_rescue(lambda: asked_for.append("asked"))
    try:
        with lease(move.tenant.id, "move"):
            move.begin()
            waits = at_once(ask, "/reads/")
            wait_for(waiting())
            time.sleep(0.2)
            assert asked_for == [], "its mover lives"
        wait_for(lambda: asked_for)
        time.sleep(0.2)
        assert asked_for == ["asked"], "once, for all who wait"
        move.give_up()
        assert waits.result(10).status == 200
    finally:
        register_rescue(before)


def test_the_neighbour_does_not_wait(move, ask, bob, client_of, at_once):
    move.begin()
    asked = at_once(ask, "/reads/")
    wait_for(waiting())
    assert client_of(bob).get("/reads/").json()["shard"] == "alpha"
    move.give_up()
    asked.result(10)


def test_who_has_waited_long_enough_is_told_to_come_back(move, ask, settings):
    settings.ATOLL_GATE_SECONDS = 0.3
    move.begin()
    began = time.monotonic()
    assert ask("/reads/").is_to_come_back
    assert 0.3 <= time.monotonic() - began < 5
    assert gates().room.count() == 0


def test_of_one_tenant_only_so_many_wait_and_the_next_is_told_at_once(move, ask, settings, at_once):
    settings.ATOLL_THREADS = 7  # so that of all tenants 4 wait, and of one 2
    move.begin()
    asked = [at_once(ask, "/reads/") for _ in range(2)]
    wait_for(waiting(2))
    began = time.monotonic()
    answer = ask("/reads/")
    assert answer.is_to_come_back
    assert time.monotonic() - began < 2
    assert b"Too much at once" in answer.body
    move.give_up()
    assert [each.result(10).status for each in asked] == [200, 200]


def test_negative_control_with_more_threads_they_all_wait(move, ask, settings, at_once):
    settings.ATOLL_THREADS = 40
    move.begin()
    asked = [at_once(ask, "/reads/") for _ in range(12)]
    wait_for(waiting(12))
    move.give_up()
    assert [each.result(10).status for each in asked] == [200] * 12


def test_a_gate_of_which_this_process_has_heard_holds_though_it_remembers_the_tenant(
    move, ask, at_once
):
    assert ask("/reads/").status == 200  # remembered
    gates().closures.close(move.tenant.id, epoch=move.tenant.place.epoch, announcement=1)
    asked = at_once(ask, "/reads/")
    wait_for(waiting())
    time.sleep(0.2)
    assert not asked.done(), "control says that it is ready, but not at a newer epoch"
    gates().closures.lift(move.tenant.id)
    assert asked.result(10).status == 200


def test_if_nobody_says_that_it_was_opened_control_does(move, ask, at_once):
    move.begin()
    gates().closures.close(move.tenant.id, epoch=move.tenant.place.epoch, announcement=1)
    asked = at_once(ask, "/reads/")
    wait_for(waiting())
    move.switch()
    assert asked.result(10).body == b'{"shard": "beta", "groups": []}'
    assert not gates().closures.is_closed(move.tenant.id)


def test_who_slips_in_while_the_gate_closes_is_either_counted_or_waits(
    move, ask, at_once, monkeypatch
):
    """Between the look at the gate and the slot, it is closed, and who is inside is counted."""
    from tenants import admission

    counted = []
    take = admission.take_slot

    def closes_first(entry):
        if not counted:
            gates().closures.close(entry.tenant_id, epoch=entry.placement.epoch, announcement=1)
            looks = gates().closures.looks(slots().of_tenant)
            counted.append(looks[entry.tenant_id]["in_flight"])
        return take(entry)

    monkeypatch.setattr(admission, "take_slot", closes_first)
    asked = at_once(ask, "/reads/")
    wait_for(waiting())
    assert counted == [0]
    assert slots().of_tenant(move.tenant.id) == 0
    gates().closures.lift(move.tenant.id)
    assert asked.result(10).status == 200


def test_a_tenant_that_is_suspended_meanwhile_gets_its_page(move, ask, at_once):
    from tenants.services.suspend import resume_tenant, suspend_tenant

    move.begin()
    asked = at_once(ask, "/reads/")
    wait_for(waiting())
    suspend_tenant("mia")
    try:
        move.switch()
        assert asked.result(10).status == 403
    finally:
        resume_tenant("mia")


def test_without_a_thread_many_wait_in_one(move, settings):
    settings.ATOLL_THREADS = 60
    move.begin()
    hosts = [move.tenant.host] * 20

    async def view(request):
        return request.tenant.placement.shard

    def switch():
        move.switch()
        connections.close_all()

    async def asked(host):
        request = RequestFactory(headers={"host": host}).get("/")
        return await TenantMiddleware(_responding(view))(request)

    async def all_at_once():
        threads = threading.active_count()
        tasks = [asyncio.ensure_future(asked(host)) for host in hosts]
        await until(lambda: gates().room.count() == len(hosts))
        # The keeper, and asgiref's one for what is asked in a thread.
        assert threading.active_count() <= threads + 2
        await sync_to_async(switch, thread_sensitive=False)()
        return await asyncio.gather(*tasks)

    answers = asyncio.run(all_at_once())
    assert [answer.content for answer in answers] == [b"beta"] * 20


def _responding(view):
    from django.http import HttpResponse

    async def answer(request):
        return HttpResponse(await view(request))

    return answer


def test_who_is_cancelled_waits_no_longer(move):
    move.begin()
    from tenants.directory.lookup import lookup_id

    entry = lookup_id(move.tenant.id)
    assert entry.verdict is Verdict.WAIT

    async def gives_up():
        task = asyncio.ensure_future(wait_async(entry, ends=time.monotonic() + 20))
        await until(lambda: gates().room.count() == 1)
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError)

    asyncio.run(gives_up())
    assert gates().room.count() == 0
