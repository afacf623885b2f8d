"""The same pages through the ASGI application."""

import asyncio
import html
import importlib
import sys

import httpx
import pytest
from django.core.exceptions import ImproperlyConfigured
from psycopg_pool import ConnectionPool

from sharding.backend.wrapper import forget_pools


@pytest.fixture
def application(settings, stack_ready):
    # Nine connections are opened one after another; a busy machine needs longer than a request may.
    settings.ATOLL_POOL = {"max_size": 9, "timeout": 10}
    yield load()
    for pool in forget_pools():
        assert isinstance(pool, ConnectionPool)
        pool.close()


def load():
    sys.modules.pop("config.asgi", None)
    return importlib.import_module("config.asgi").application


def test_without_a_pool_the_application_does_not_start(settings):
    settings.ATOLL_POOL = None
    with pytest.raises(ImproperlyConfigured, match="ATOLL_POOL_SIZE"):
        load()


def test_pages_of_several_tenants_are_served_at_once_over_asgi(
    acme, birch, coral, application, settings
):
    name = settings.SESSION_COOKIE_NAME
    cookies = {each.slug: each.member().cookies[name].value for each in (acme, birch, coral)}
    tenants = [acme, birch, coral] * 3

    async def look(tenant):
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(application),
            base_url=f"http://{tenant.host}",
            cookies={name: cookies[tenant.slug]},
        ) as visitor:
            return await visitor.get("/")

    async def look_at_all():
        return await asyncio.gather(*map(look, tenants))

    for tenant, answer in zip(tenants, asyncio.run(look_at_all()), strict=True):
        assert answer.status_code == 200
        assert f"<title>Dashboard · {html.escape(tenant.name)}</title>" in answer.text
        assert tenant.email in answer.text
        assert "default-src" in answer.headers["content-security-policy"]
