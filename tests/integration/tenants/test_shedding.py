"""Under ASGI who gets no slot is refused before Django makes anything for the request."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from django.core.handlers.asgi import ASGIHandler
from django.core.signals import request_finished, request_started

from config.observability.handlers import ObservedASGIHandler
from sharding.pools.process_slots import slots
from sharding.pools.slots import Refused
from tenants.asgi import SheddingASGIHandler
from tenants.directory.lookup import directory, lookup
from tenants.gating.process import gates
from tenants.shedding import refusal_of
from tests.integration.tenants.conftest import said_to_be_away

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


def asked_for(path, *hosts, headers=(), query=b""):
    return {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query,
        "headers": [*((b"host", host.encode()) for host in hosts), *headers],
    }


def ask(handler, path, host, **more):
    """The answer, and how often the handler asked for the body."""
    sent, received = [], []

    async def receive():
        if received:
            return await asyncio.Future()
        received.append(True)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    asyncio.run(handler(asked_for(path, host, **more), receive, send))
    names = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return SimpleNamespace(
        status=sent[0]["status"], headers=names, body=body, received=len(received)
    )


def test_who_has_all_slots_is_refused_without_thread_or_body(full, began, monkeypatch):
    handler = ObservedASGIHandler()
    before = slots().refusals().get(("alpha", Refused.TENANT_BUSY), 0)
    made = []
    monkeypatch.setattr(
        "django.core.handlers.asgi.ThreadSensitiveContext", lambda: made.append("context")
    )
    answer = ask(handler, "/who/", full.host)
    assert answer.status == 503
    assert b"Too much at once" in answer.body
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"]
    assert (answer.received, made, began) == (0, [], [])
    assert slots().refusals()["alpha", Refused.TENANT_BUSY] == before + 1, "and counted once"


def test_negative_control_djangos_own_handler_makes_all_of_it_for_the_same_answer(full, began):
    answer = ask(ASGIHandler(), "/who/", full.host)
    assert answer.status == 503
    assert b"Too much at once" in answer.body
    assert answer.received == 1
    assert "started" in began


def test_its_neighbour_is_served_as_ever(full, bob, began):
    answer = ask(SheddingASGIHandler(), "/slots/", bob.host)
    assert (answer.status, answer.received) == (200, 1)
    assert json.loads(answer.body)["tenant"] == 1
    assert began[0] == "started"


def test_a_shard_that_is_away_is_said_to_be_away(ann, began):
    lookup(ann.host)
    with said_to_be_away("alpha"):
        answer = ask(SheddingASGIHandler(), "/who/", ann.host)
    assert (answer.status, answer.headers["retry-after"], began) == (503, "2", [])
    assert b"Back in a moment" in answer.body


def test_an_api_client_is_told_with_a_problem_document(full):
    answer = ask(ObservedASGIHandler(), "/api/v1/tickets/", full.host)
    assert answer.status == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.body)["status"] == 503


def test_a_request_that_is_none_is_answered_as_django_answers_it(full):
    answer = ask(SheddingASGIHandler(), "/who/", full.host, query=b"\xff")
    assert (answer.status, answer.received) == (400, 0)


def test_those_who_are_refused_together_are_not_told_to_come_back_together(full):
    handler = SheddingASGIHandler()
    told = {int(ask(handler, "/who/", full.host).headers["retry-after"]) for _ in range(60)}
    assert min(told) >= 2
    assert max(told) <= 6
    assert len(told) > 1


# --- what is left to the middleware ---------------------------------------------------------------


def refused(*hosts, headers=()):
    return refusal_of(asked_for("/who/", *hosts, headers=headers))


def test_a_host_is_read_as_the_middleware_reads_it(full, bob):
    assert refused(full.host) is Refused.TENANT_BUSY
    assert refused(f"{full.host.upper()}.:8000") is Refused.TENANT_BUSY
    assert refused(bob.host) is None
    for no_host in ([], [full.host, full.host], ["a b"], [""]):
        assert refused(*no_host) is None


def test_who_is_not_known_yet_is_asked_for_first(full):
    directory.cache_clear()
    assert refused(full.host) is None
    assert refused("nobody.localhost") is None


def test_our_own_hosts_are_let_in(full, settings):
    settings.ATOLL_PUBLIC_HOSTS = [full.host]
    assert refused(full.host) is None


def test_a_forwarded_host_counts_only_where_it_is_believed(full, bob, settings):
    forwarded = [(b"x-forwarded-host", full.host.encode())]
    assert refused(bob.host, headers=forwarded) is None
    settings.USE_X_FORWARDED_HOST = True
    assert refused(bob.host, headers=forwarded) is Refused.TENANT_BUSY
    assert refused(full.host) is Refused.TENANT_BUSY
    assert refused(full.host, headers=[(b"x-forwarded-host", bob.host.encode())]) is None
    assert refused(full.host, headers=forwarded * 2) is None


def test_who_must_wait_at_the_gate_waits(full):
    gates().closures.close(full.id, epoch=full.place.epoch, announcement=1)
    try:
        assert refused(full.host) is None
    finally:
        gates().closures.lift(full.id)
    assert refused(full.host) is Refused.TENANT_BUSY
