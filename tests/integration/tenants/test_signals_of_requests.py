"""Handlers of request_started and request_finished run outside all middleware: in no scope."""

import asyncio
import io
from collections import Counter
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async
from django.core.asgi import get_asgi_application
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import connections

from sharding import scope
from tests.integration.tenants.urls import names

pytestmark = [
    pytest.mark.usefixtures("groups"),
    pytest.mark.urls("tests.integration.tenants.urls"),
]

NOTHING = (None, "scope.no_tenant")


def seen_now():
    """What a handler sees: the scope, and what reading a tenant's table gives."""
    place = scope.current()
    try:
        found = ",".join(names())
    except scope.NoTenantInScope as error:
        found = error.code
    return place, found


@pytest.fixture
def heard():
    """(signal, what its handler saw), sync handlers and async ones."""
    told = []

    def started(**signal):
        told.append(("started", seen_now()))

    def finished(**signal):
        told.append(("finished", seen_now()))
        # ASGI gives each request a thread that ends; without a pool its connections would stay.
        connections.close_all()

    async def started_async(**signal):
        told.append(("started", await sync_to_async(seen_now)()))

    async def finished_async(**signal):
        told.append(("finished", await sync_to_async(seen_now)()))

    request_started.connect(started)
    request_started.connect(started_async)
    request_finished.connect(finished)
    request_finished.connect(finished_async)
    yield told
    for handler in (started, started_async):
        request_started.disconnect(handler)
    for handler in (finished, finished_async):
        request_finished.disconnect(handler)


def over_wsgi(tenant, path):
    """As a server does: call, read the body, close it, which sends request_finished."""
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "SERVER_NAME": tenant.host,
        "SERVER_PORT": "80",
        "HTTP_HOST": tenant.host,
        "wsgi.input": io.BytesIO(),
        "wsgi.url_scheme": "http",
    }
    statuses: list[str] = []

    def start_response(status, headers, error=None, /):
        statuses.append(status)
        return statuses.append  # the old way to write; nobody calls it

    body: Any = get_wsgi_application()(environ, start_response)
    try:
        return statuses[0][:3], b"".join(body).decode()
    finally:
        body.close()


async def over_asgi(tenant, path):
    application: Any = get_asgi_application()
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{tenant.host}") as visitor:
        answer = await visitor.get(path)
    return str(answer.status_code), answer.text


ONCE = [("started", NOTHING)] * 2 + [("finished", NOTHING)] * 2
"""A sync and an async handler each."""


@pytest.mark.parametrize("path", ["/template/", "/stream/", "/stream_in_transaction/"])
def test_under_wsgi_they_see_no_scope(tenants, heard, path):
    for tenant in (*tenants, *tenants):
        status, body = over_wsgi(tenant, path)
        assert (status, tenant.slug in body) == ("200", True)
        assert heard == ONCE
        heard.clear()


def test_under_wsgi_they_see_no_scope_after_a_view_that_failed(tenants, heard):
    for tenant in tenants:
        assert over_wsgi(tenant, "/write_and_fail/")[0] == "500"
    assert heard == ONCE * len(tenants)


@pytest.mark.parametrize("path", ["/template/", "/stream_async/", "/whoami_async/"])
def test_under_asgi_they_see_no_scope_though_requests_run_at_once(tenants, heard, path):
    async def all_at_once():
        return await asyncio.gather(*(over_asgi(tenant, path) for tenant in (*tenants, *tenants)))

    for tenant, (status, body) in zip(
        (*tenants, *tenants), asyncio.run(all_at_once()), strict=True
    ):
        assert (status, tenant.slug in body) == ("200", True)
    assert Counter(heard) == Counter(ONCE * len(tenants) * 2)


def test_negative_control_sent_inside_a_scope_the_handlers_see_it(tenants, heard):
    for tenant in tenants:
        with tenant.scope():
            request_finished.send(sender=None)
        assert heard == [("finished", (tenant.place, tenant.slug))] * 2
        heard.clear()
