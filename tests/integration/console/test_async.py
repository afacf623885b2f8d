"""The same console under an ASGI server."""

import asyncio
import importlib
import re
import sys

import httpx
import pytest
from psycopg_pool import ConnectionPool

from sharding.backend.wrapper import forget_pools
from sharding.placements.models import CONTROL, AuditEntry
from tenants.services.suspend import resume_tenant
from tests.integration.console.conftest import HOST


@pytest.fixture
def open_again(ochre):
    yield
    resume_tenant(ochre.slug)


@pytest.fixture
def application(settings, open_again):
    # Connections of threads that come and go are returned, not left open.
    settings.ATOLL_POOL = {"max_size": 9}
    sys.modules.pop("config.asgi", None)
    yield importlib.import_module("config.asgi").application
    for pool in forget_pools():
        assert isinstance(pool, ConnectionPool)
        pool.close()


def test_an_operator_signs_in_and_suspends_a_tenant_as_under_wsgi(ann, ochre, application):
    asyncio.run(sign_in_and_suspend(ann, ochre, application, ann.code()))
    entry = AuditEntry.objects.using(CONTROL).filter(action="tenant.suspended").latest("id")
    assert (entry.subject, entry.actor) == (ochre.id, ann.actor)


async def sign_in_and_suspend(ann, ochre, application, code):
    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as browser:

        async def post(page, form, to=""):
            text = (await browser.get(page)).text
            token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', text)[1]
            answer = await browser.post(to or page, data={**form, "csrfmiddlewaretoken": token})
            assert answer.status_code == 302
            return answer.headers["location"]

        asked = await browser.get("/shards/")
        assert asked.headers["location"].startswith("/sign-in/")
        await post("/sign-in/", {"email": ann.email, "password": ann.password})
        assert await post("/sign-in/code/", {"code": code}) == "/"
        assert (await browser.get("/shards/")).status_code == 200
        form = {"reason": "test", "confirm": ochre.slug}
        await post(f"/tenants/{ochre.id}/", form, to=f"/tenants/{ochre.id}/suspend/")
