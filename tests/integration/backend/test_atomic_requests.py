"""One transaction per request, on the shard of the request's tenant only."""

import pytest
from django.db import connections
from django.test import AsyncClient, Client

from sharding import scope
from tests.integration.backend.models import Author
from tests.integration.backend.views import wanted


@pytest.fixture
def site(grounds, settings):
    settings.ROOT_URLCONF = "tests.integration.backend.views"
    settings.MIDDLEWARE = ["tests.integration.backend.views.Middleware"]
    settings.REST_FRAMEWORK = {"UNAUTHENTICATED_USER": None}
    before = wanted.get()
    yield grounds
    wanted.set(before)


def written(place) -> int:
    with scope.enter(place):
        return Author.objects.count()


def test_a_view_runs_in_one_block_on_its_tenants_shard(site):
    for place in (site.a, site.b, site.c):
        wanted.set(place)
        answer = Client().get("/write").json()
        assert answer == {"in_block": True, "alias": place.shard}
        assert written(place) == 1
    assert not connections["alpha"].in_atomic_block
    assert not connections["control"].in_atomic_block


def test_a_view_that_fails_leaves_nothing(site):
    for place in (site.a, site.b):
        wanted.set(place)
        answer = Client(raise_request_exception=False).get("/write?fail")
        assert answer.status_code == 500
        assert written(place) == 0


def test_a_view_may_say_that_it_wants_none(site):
    for place in (site.a, site.b):
        wanted.set(place)
        assert Client().get("/unwrapped").json()["in_block"] is False
        assert Client(raise_request_exception=False).get("/unwrapped?fail").status_code == 500
        assert written(place) == 2


def test_without_a_scope_a_view_is_not_wrapped(site):
    wanted.set(None)
    assert Client().get("/nothing").status_code == 200


def test_in_control_scope_the_block_is_on_control(site):
    wanted.set(scope.CONTROL)
    assert Client().get("/nothing").status_code == 200


def test_rest_framework_rolls_back_what_it_answers_with_an_error(site):
    for place in (site.a, site.b):
        wanted.set(place)
        assert Client().post("/rest").status_code == 400
        assert written(place) == 0


async def _ask(path):
    return await AsyncClient(raise_request_exception=False).get(path)


def test_under_asgi_sync_views_are_wrapped_and_async_ones_are_not(site):
    import asyncio

    for place in (site.a, site.b):
        wanted.set(place)
        assert asyncio.run(_ask("/write")).json()["in_block"] is True
        assert asyncio.run(_ask("/write?fail")).status_code == 500
        assert written(place) == 1
        assert asyncio.run(_ask("/later")).json()["in_block"] is False
        assert asyncio.run(_ask("/later?fail")).status_code == 500
        assert written(place) == 3
