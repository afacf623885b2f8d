"""Every request takes a slot before its shard is asked for anything, and every slot comes back."""

import asyncio
import gc
import threading
import time

import pytest
from django.core.asgi import get_asgi_application
from django.db import connections
from django.test import RequestFactory

from sharding.pools.process_slots import slots
from sharding.registry import current as registry
from tenants.middleware import TenantMiddleware
from tenants.services.change_plan import change_plan
from tests.faults.down import Down
from tests.integration.tenants import slow_views
from tests.integration.tenants.conftest import said_to_be_away

pytestmark = [
    pytest.mark.urls("tests.integration.tenants.slow_views"),
    pytest.mark.usefixtures("no_connections_in_threads_that_end"),
]

GIVES_UP_S = 20


@pytest.fixture(autouse=True)
def _every_slot_comes_back():
    assert slots().in_use() == {}
    yield
    gc.collect()
    assert slots().in_use() == {}
    assert slots().remembered() == 0


def is_refused(answer, began):
    assert time.monotonic() - began < 0.5
    return answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1


def test_a_request_has_one_slot_of_its_shard_and_tenant_while_it_runs(ann, cyd, client_of):
    for tenant, shard in ((ann, "alpha"), (cyd, "beta")):
        told = client_of(tenant).get("/slots/").json()
        assert told == {"shards": {shard: 1}, "tenant": 1}


def test_our_own_hosts_have_slots_of_controls(tenants, settings, client_of):
    settings.ATOLL_PUBLIC_URLCONF = "tests.integration.tenants.slow_views"
    client = client_of(tenants[0])
    for host in ("localhost", "www.localhost"):
        assert client.get("/slots/", headers={"host": host}).json()["shards"] == {"control": 1}


def test_a_tenant_that_has_all_it_may_have_is_refused_and_its_neighbour_is_not(
    ann, bob, cyd, client_of, settings, taken
):
    settings.ATOLL_TENANT_SLOTS = 2
    taken("alpha", ann.id)
    assert client_of(ann).get("/slots/").status_code == 200
    taken("alpha", ann.id)
    began = time.monotonic()
    answer = client_of(ann).get("/slots/")
    assert is_refused(answer, began)
    assert "Too much at once" in answer.content.decode()
    for other in (bob, cyd):
        assert client_of(other).get("/slots/").status_code == 200


def test_a_shard_that_has_all_it_may_have_refuses_and_the_other_does_not(
    ann, bob, cyd, client_of, settings, taken
):
    settings.ATOLL_SHARD_SLOTS = 3
    for number in range(3):
        taken("alpha", f"t{number}")
    for tenant in (ann, bob):
        assert is_refused(client_of(tenant).get("/slots/"), time.monotonic())
    assert client_of(cyd).get("/slots/").status_code == 200


def test_negative_control_without_limits_everybody_is_let_in(ann, client_of, settings, taken):
    settings.ATOLL_SHARD_SLOTS = settings.ATOLL_TENANT_SLOTS = 0
    for _ in range(20):
        taken("alpha", ann.id)
    assert client_of(ann).get("/slots/").status_code == 200


def test_a_shard_whose_breaker_is_open_is_not_even_tried(ann, bob, cyd, client_of):
    with said_to_be_away("alpha"):
        for tenant in (ann, bob):
            assert is_refused(client_of(tenant).get("/slots/"), time.monotonic())
        assert client_of(cyd).get("/slots/").status_code == 200
    assert client_of(ann).get("/slots/").status_code == 200


def test_public_pages_are_served_while_controls_breaker_is_open(tenants, settings, client_of):
    settings.ATOLL_PUBLIC_URLCONF = "tests.integration.tenants.slow_views"
    with said_to_be_away("control"):
        answer = client_of(tenants[0]).get("/slots/", headers={"host": "localhost"})
    assert answer.status_code == 200


def test_who_is_refused_costs_its_shard_nothing(ann, client_of, settings, taken, faulty):
    client_of(ann).get("/slots/")  # the directory knows it
    settings.ATOLL_SHARD_SLOTS = 1
    taken("alpha")
    real = registry.registry()
    registry.install(faulty.registry)
    try:
        with faulty.down("alpha", Down.SIGSTOP):
            # With a session, whose look-up would be the first to wait.
            client = client_of(ann)
            client.cookies["sessionid"] = "x" * 32
            began = time.monotonic()
            assert is_refused(client.get("/who/"), began)
    finally:
        registry.install(real)
        connections.close_all()


def test_an_api_client_is_told_with_a_problem_document(ann, client_of, settings, taken):
    settings.ATOLL_SHARD_SLOTS = 1
    taken("alpha")
    answer = client_of(ann).get("/api/v1/tickets/")
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["status"] == 503


@pytest.mark.parametrize("path", ["/raises/", "/exits/", "/missing/"])
def test_a_request_that_fails_gives_its_slot_back(ann, client_of, path):
    client = client_of(ann, raise_request_exception=False)
    if path == "/exits/":
        with pytest.raises(SystemExit):
            client.get(path)
    else:
        assert client.get(path).status_code >= 400
    assert slots().in_use() == {}


@pytest.mark.parametrize("path", ["/stream/", "/file/"])
def test_a_body_that_streams_keeps_its_slot_until_it_is_closed(ann, client_of, path):
    answer = client_of(ann).get(path)
    body = iter(answer)
    next(body)
    assert slots().in_use() == {"alpha": 1}
    assert slots().of_tenant(ann.id) == 1
    answer.close()
    assert slots().in_use() == {}


def test_a_body_that_is_read_to_its_end_gives_its_slot_back(ann, client_of):
    assert b"".join(client_of(ann).get("/stream/")) == b"part;part;part;"
    assert slots().in_use() == {}


def test_a_body_that_raises_gives_its_slot_back(ann, client_of):
    answer = client_of(ann).get("/stream_raises/")
    with pytest.raises(RuntimeError):
        list(answer)
    answer.close()
    assert slots().in_use() == {}


def test_a_body_that_nobody_reads_or_closes_gives_its_slot_back_when_it_is_forgotten(
    ann, client_of
):
    answer = client_of(ann).get("/stream/")
    assert slots().in_use() == {"alpha": 1}
    del answer
    gc.collect()
    assert slots().in_use() == {}


def test_a_plan_says_how_much_a_tenant_may_have_in_all_processes_together(
    ann, bob, client_of, settings, taken
):
    settings.ATOLL_PLANS = "small=4 large=40"
    settings.ATOLL_PROCESSES = 2
    change_plan(ann.slug, "small")
    try:
        taken("alpha", ann.id)
        assert client_of(ann).get("/slots/").status_code == 200
        taken("alpha", ann.id)
        assert is_refused(client_of(ann).get("/slots/"), time.monotonic())
        settings.ATOLL_PROCESSES = 1
        assert client_of(ann).get("/slots/").status_code == 200
        settings.ATOLL_PROCESSES = 100
        assert client_of(bob).get("/slots/").status_code == 200, "it has no plan"
    finally:
        change_plan(ann.slug, "none")


# --- under ASGI -----------------------------------------------------------------------------------


class Visit:
    """A request over ASGI by a client that can go away."""

    def __init__(self, host, path):
        self.sent = []
        self._gone = asyncio.Event()
        self._asked = False
        self._scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": [(b"host", host.encode("latin-1"))],
        }

    async def run(self):
        await get_asgi_application()(self._scope, self._receive, self._send)

    def go_away(self):
        self._gone.set()

    @property
    def status(self):
        return self.sent[0]["status"]

    async def _receive(self):
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        self.sent.append(message)


async def until(true):
    deadline = time.monotonic() + GIVES_UP_S
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.fixture
def door():
    """What views under `/waits…/` wait at."""
    slow_views.door = threading.Event()
    yield slow_views.door
    slow_views.door.set()


def test_under_asgi_a_request_that_is_answered_gives_its_slot_back(ann, door):
    async def visit():
        visit = Visit(ann.host, "/waits/")
        running = asyncio.create_task(visit.run())
        await until(lambda: slots().in_use() == {"alpha": 1})
        door.set()
        await running
        return visit.status

    assert asyncio.run(visit()) == 200


@pytest.mark.parametrize("path", ["/waits_async/", "/stream_waits_async/"])
def test_a_client_that_goes_away_from_an_async_view_leaves_its_slot(ann, path):
    async def visit():
        visit = Visit(ann.host, path)
        running = asyncio.create_task(visit.run())
        await until(lambda: slots().in_use() == {"alpha": 1})
        if path.startswith("/stream"):
            await until(lambda: len(visit.sent) > 1)
        visit.go_away()
        await running
        await until(lambda: slots().in_use() == {})

    asyncio.run(visit())


def test_a_client_that_goes_away_from_a_sync_view_leaves_its_slot_when_its_thread_is_done(
    ann, door
):
    async def visit():
        visit = Visit(ann.host, "/waits/")
        running = asyncio.create_task(visit.run())
        await until(lambda: slow_views.waiting > 0)
        visit.go_away()
        await asyncio.sleep(0.3)
        assert slots().in_use() == {"alpha": 1}, "its thread is still at the shard"
        door.set()
        await running
        await until(lambda: slots().in_use() == {})

    asyncio.run(visit())


def test_a_request_that_is_cancelled_gives_its_slot_back(ann):
    async def hangs(request):
        await asyncio.sleep(20)

    async def visit():
        request = RequestFactory().get("/", headers={"host": ann.host})
        running = asyncio.ensure_future(TenantMiddleware(hangs)(request))
        await until(lambda: slots().in_use() == {"alpha": 1})
        running.cancel()
        (ended,) = await asyncio.gather(running, return_exceptions=True)
        assert isinstance(ended, asyncio.CancelledError)
        assert slots().in_use() == {}

    asyncio.run(visit())


def test_under_asgi_who_gets_no_slot_is_refused_as_well(ann, settings, taken):
    settings.ATOLL_SHARD_SLOTS = 1
    taken("alpha")
    visit = Visit(ann.host, "/waits_async/")
    asyncio.run(visit.run())
    assert visit.status == 503
