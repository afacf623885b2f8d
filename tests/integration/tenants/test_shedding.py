"""Under ASGI who gets no slot is refused before it has a thread, and before its body is read."""

import asyncio
import http.client
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import BytesIO

import pytest
import uvicorn
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.signals import request_finished, request_started

from config.observability.handlers import ObservedASGIHandler
from sharding.pools.conf import slot_settings
from sharding.pools.process_slots import slots
from sharding.pools.slots import Refused
from tenants import middleware, shedding
from tenants.asgi import SheddingASGIHandler, _unread
from tenants.directory.lookup import directory, lookup
from tenants.gating.process import gates
from tenants.services.change_plan import change_plan
from tenants.services.suspend import resume_tenant, suspend_tenant
from tenants.shedding import no_slot_for
from tests.fixtures.asgi import ask_asgi, asked_for
from tests.integration.tenants.conftest import said_to_be_away

GIVES_UP_S = 20
pytestmark = [
    pytest.mark.urls("tests.integration.tenants.slow_views"),
    pytest.mark.usefixtures("no_connections_in_threads_that_end"),
]


@pytest.fixture
def began():
    """What Django's signals said of requests."""
    said = []

    def started(**signal):
        said.append("started")

    def finished(**signal):
        said.append("finished")

    request_started.connect(started)
    request_finished.connect(finished)
    yield said
    request_started.disconnect(started)
    request_finished.disconnect(finished)


@pytest.fixture
def full(ann, settings, taken):
    """A tenant that has all that it may have; its host is known to this process."""
    settings.ATOLL_TENANT_SLOTS = 1
    taken("alpha", ann.id)
    lookup(ann.host)
    return ann


def ask(handler, path, host, **more):
    return asyncio.run(ask_asgi(handler, path, host, **more))


@pytest.fixture
def threads(monkeypatch):
    """Threads that were made for a request of its own."""
    made = []

    class Noted(ThreadPoolExecutor):
        def __init__(self, *args, **options):
            made.append(options)
            super().__init__(*args, **options)

    monkeypatch.setattr("asgiref.sync.ThreadPoolExecutor", Noted)
    return made


def counted():
    return slots().refusals().get(("alpha", Refused.TENANT_BUSY), 0)


def test_who_has_all_slots_is_refused_without_thread_or_body(full, began, threads):
    handler = ObservedASGIHandler()
    before = counted()
    answer = ask(handler, "/who/", full.host)
    assert answer.status_code == 503
    assert b"Too much at once" in answer.content
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"]
    assert (answer.received, threads, began) == (0, [], [])
    assert counted() == before + 1, "and counted once"


def test_negative_control_djangos_own_handler_makes_all_of_it_for_the_same_answer(
    full, began, threads
):
    answer = ask(ASGIHandler(), "/who/", full.host)
    assert answer.status_code == 503
    assert b"Too much at once" in answer.content
    assert answer.received == 1
    assert len(threads) == 1
    assert "started" in began


def test_the_log_and_the_figures_know_whose_request_it_was(full, monkeypatch):
    told = []
    monkeypatch.setattr("config.observability.handlers.count_request", told.append)
    ask(ObservedASGIHandler(), "/who/", full.host)
    ((shard, method, status, _),) = told
    assert (shard, method, status) == ("alpha", "GET", 503)


def test_its_neighbour_is_served_as_ever(full, bob, began):
    answer = ask(SheddingASGIHandler(), "/slots/", bob.host)
    assert (answer.status_code, answer.received) == (200, True)
    assert json.loads(answer.content)["tenant"] == 1
    assert began[0] == "started"


def test_a_shard_that_is_away_is_said_to_be_away(ann, began):
    lookup(ann.host)
    with said_to_be_away("alpha"):
        answer = ask(SheddingASGIHandler(), "/who/", ann.host)
    assert (answer.status_code, answer.headers["retry-after"], began) == (503, "2", [])
    assert b"Back in a moment" in answer.content


def test_an_api_client_is_told_with_a_problem_document(full, began):
    answer = ask(ObservedASGIHandler(), "/api/v1/tickets/", full.host)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.content)["status"] == 503
    assert began == [], "no request has ended that has not begun"


def sync_only(get_response):
    """A middleware as Django's documentation writes them: what is around it has a thread."""

    def middleware(request):
        return get_response(request)

    return middleware


def frees(get_response):
    """A slot comes free between the handler, which refused, and the tenant's middleware."""

    def middleware(request):
        settings.ATOLL_TENANT_SLOTS = 2
        slot_settings.cache_clear()
        return get_response(request)

    return middleware


@pytest.mark.parametrize("place", ["before", "after"])
def test_who_was_refused_stays_so_where_middleware_knows_threads_only(full, settings, place):
    ours = settings.MIDDLEWARE
    theirs = f"{__name__}.frees", f"{__name__}.sync_only"
    settings.MIDDLEWARE = [*theirs, *ours] if place == "before" else [theirs[0], *ours, theirs[1]]
    before = counted()
    answer = ask(SheddingASGIHandler(), "/who/", full.host)
    assert (answer.status_code, answer.received, counted()) == (503, 0, before + 1)
    assert ask(SheddingASGIHandler(), "/slots/", full.host).status_code == 200


def test_a_body_that_was_not_read_is_not_taken_for_an_empty_one():
    with pytest.raises(ValueError, match="closed"):
        _unread().read()


def test_a_request_that_is_none_is_answered_as_django_answers_it(full):
    answer = ask(SheddingASGIHandler(), "/who/", full.host, query=b"\xff")
    assert (answer.status_code, answer.received) == (400, 0)


def test_those_who_are_refused_together_are_not_told_to_come_back_together(full):
    handler = SheddingASGIHandler()
    told = {int(ask(handler, "/who/", full.host).headers["retry-after"]) for _ in range(60)}
    assert min(told) >= 2
    assert max(told) <= 6
    assert len(told) > 1


# --- what is left to the middleware ---------------------------------------------------------------


def refused(*hosts, headers=()):
    found = no_slot_for(asked_for("/who/", *hosts, headers=headers))
    return None if found is None else found.why


FORWARDED = b"x-forwarded-host"


@pytest.mark.parametrize("believed", [False, True])
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"host", b"a.test")],
        [(b"host", b"a.test"), (b"host", b"b.test")],
        [(b"host", b"a.test"), (FORWARDED, b"b.test")],
        [(b"host", b"a.test"), (FORWARDED, b"b.test"), (FORWARDED, b"c.test")],
        [(b"host", b"a.test"), (FORWARDED, b"")],
        [(b"host", b"a.test"), (b"x_forwarded_host", b"b.test")],
        [(FORWARDED, b"b.test")],
        [(b"host", b"\xe4.test")],
    ],
)
def test_the_host_is_read_where_the_middleware_reads_it(settings, headers, believed):
    settings.USE_X_FORWARDED_HOST = believed
    scope = asked_for("/", headers=headers)
    theirs = middleware._host_header(ASGIRequest(scope, BytesIO()))
    # Without a header Django falls back to the server's own name; that is nobody's tenant.
    assert shedding._host_header(scope) == ("" if theirs == "unknown" else theirs)


def test_a_host_is_known_in_all_its_forms(full, bob):
    assert refused(full.host) is Refused.TENANT_BUSY
    assert refused(f"{full.host.upper()}.:8000") is Refused.TENANT_BUSY
    assert refused(bob.host) is None
    for no_host in ([], [full.host, full.host], ["a b"], [""]):
        assert refused(*no_host) is None


def test_a_full_shard_refuses_all_of_its_tenants(ann, bob, cyd, settings, taken):
    for tenant in (ann, bob, cyd):
        lookup(tenant.host)
    settings.ATOLL_SHARD_SLOTS = 1
    taken("alpha")
    assert refused(ann.host) is refused(bob.host) is Refused.SHARD_BUSY
    assert refused(cyd.host) is None


def test_a_plan_says_how_much_a_tenant_may_have(full, settings):
    settings.ATOLL_PLANS = "large=40"
    change_plan(full.slug, "large")
    try:
        directory.cache_clear()
        lookup(full.host)
        assert refused(full.host) is None
    finally:
        change_plan(full.slug, "none")


def test_who_is_not_known_yet_is_asked_for_first(full):
    directory.cache_clear()
    assert refused(full.host) is None
    assert refused("nobody.localhost") is None


def test_who_is_closed_is_told_so_though_there_is_no_slot(full):
    suspend_tenant(full.slug)
    try:
        directory.cache_clear()
        lookup(full.host)
        assert refused(full.host) is None
        assert ask(SheddingASGIHandler(), "/who/", full.host).status_code == 403
    finally:
        resume_tenant(full.slug)


@pytest.mark.parametrize("ours", ["ATOLL_PUBLIC_HOSTS", "ATOLL_CONSOLE_HOSTS"])
def test_our_own_hosts_are_let_in(full, settings, ours):
    setattr(settings, ours, [full.host])
    assert refused(full.host) is None


def test_who_must_wait_at_the_gate_waits(full):
    gates().closures.close(full.id, epoch=full.place.epoch, announcement=1)
    try:
        assert refused(full.host) is None
    finally:
        gates().closures.lift(full.id)
    assert refused(full.host) is Refused.TENANT_BUSY


# --- over a real server ---------------------------------------------------------------------------


@pytest.fixture
def served():
    """The address of a uvicorn that serves the handler, in a thread of this process."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        config = uvicorn.Config(SheddingASGIHandler(), lifespan="off", log_level="error")
        server = uvicorn.Server(config)
        running = threading.Thread(target=server.run, args=([listening],))
        running.start()
        yield listening.getsockname()
        server.should_exit = True
        running.join(GIVES_UP_S)


def test_what_is_left_of_a_body_is_thrown_away_and_the_connection_goes_on(full, bob, served):
    client = http.client.HTTPConnection(*served, timeout=GIVES_UP_S)
    with closing(client):
        client.putrequest("POST", "/who/", skip_host=True)
        client.putheader("Host", full.host)
        client.putheader("Content-Length", "6")
        client.endheaders(b"GET")
        answer = client.getresponse()
        assert (answer.status, answer.read() != b"") == (503, True)
        client.sock.sendall(b" / ")
        client.request("GET", "/slots/", headers={"Host": bob.host})
        answer = client.getresponse()
        assert (answer.status, json.loads(answer.read())["tenant"]) == (200, 1)
