"""The same API through the ASGI application, for several tenants at once."""

import asyncio
import importlib
import sys

import httpx
import pytest

from sharding.backend.wrapper import forget_pools


@pytest.fixture
def application(settings, stack_ready):
    settings.ATOLL_POOL = {"max_size": 9}
    sys.modules.pop("config.asgi", None)
    yield importlib.import_module("config.asgi").application
    for pool in forget_pools():
        pool.close()


def test_each_tenants_programs_get_their_own_and_problems_over_asgi(
    gorse, glade, heath, program, application
):
    programs = [program(tenant) for tenant in (gorse, glade, heath)]
    for each in programs:
        each.post("/tickets", {"title": f"over asgi {each.tenant.slug}"})

    async def ask(each):
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(application), base_url=f"http://{each.tenant.host}/api/v1"
        ) as client:
            return [
                await client.get(path, headers={"authorization": f"Bearer {token}"})
                for path, token in (
                    ("/tickets?q=asgi", each.token),
                    ("/nothing", each.token),
                    ("/tickets", "nonsense"),
                )
            ]

    async def ask_all():
        return await asyncio.gather(*map(ask, programs * 3))

    for each, answers in zip(programs * 3, asyncio.run(ask_all()), strict=True):
        listed, missing, refused = answers
        titles = {item["title"] for item in listed.json()["items"]}
        assert titles == {f"over asgi {each.tenant.slug}"}
        for answer, status in ((missing, 404), (refused, 401)):
            assert answer.status_code == answer.json()["status"] == status
            assert answer.headers["content-type"] == "application/problem+json"
