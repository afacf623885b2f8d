"""A shard that is down is shown as such, within a bound, and keeps no page waiting."""

import time

import pytest
from django.core.cache import caches
from django.db import connections

from sharding.registry import current as registry
from tests.faults.down import Down
from tests.fixtures.servers import redis_is_back

ACTIVE = 'badge good">active<'


@pytest.fixture
def through_faults(faulty, console):
    real = registry.registry()
    registry.install(faulty.registry)
    yield faulty
    registry.install(real)


def shown(console, address):
    began = time.monotonic()
    answer = console.get(address)
    assert answer.status_code == 200
    return answer.content.decode(), time.monotonic() - began


PATIENCE = 0.7
BOUND = PATIENCE + 0.5
"""Of a page; the rest is two busy cores."""


@pytest.fixture(autouse=True)
def _impatient(settings):
    settings.ATOLL_CONSOLE_PATIENCE_SECONDS = PATIENCE


@pytest.mark.parametrize(
    ("how", "sizes_known"),
    [
        (Down.REFUSED, True),
        (Down.SIGSTOP, True),
        pytest.param(Down.BLACKHOLE, True, marks=pytest.mark.slow),
        pytest.param(Down.SLOW, True, marks=pytest.mark.slow),
        (Down.REFUSED, False),
        (Down.SIGSTOP, False),
    ],
)
def test_a_shard_that_is_down_shows_as_such_and_no_page_hangs(
    console, ochre, umber, through_faults, how, sizes_known
):
    pages = ("/shards/", f"/tenants/{umber.id}/", "/tenants/", "/")
    if sizes_known:
        for address in pages:
            shown(console, address)
    with through_faults.down("beta", how):
        for _ in range(2):
            page, seconds = shown(console, "/shards/")
            assert seconds < BOUND
            assert page.count(ACTIVE) == 1
            assert "beta does not answer" in page
            assert "alpha does not" not in page
        for address in pages[1:]:
            _, seconds = shown(console, address)
            assert seconds < BOUND
        # The other shard's tenants are looked at as ever.
        page, seconds = shown(console, f"/tenants/{ochre.id}/")
        assert "tables" in page
        assert seconds < PATIENCE
    deadline = time.monotonic() + 10
    while shown(console, "/shards/")[0].count(ACTIVE) < 2:
        assert time.monotonic() < deadline, "it is back, and not seen to be"
        time.sleep(0.3)


def test_a_suspended_tenant_of_a_shard_that_is_down_can_be_resumed(console, umber, through_faults):
    with through_faults.down("beta", Down.SIGSTOP):
        form = {"reason": "test", "confirm": umber.slug}
        for verb in ("suspend", "resume"):
            answer = console.post(f"/tenants/{umber.id}/{verb}/", form)
            assert answer.status_code == 302


def test_without_redis_sizes_are_asked_for_each_time(console, umber, stack):
    stack.stop_server("redis")
    caches.close_all()
    try:
        page, seconds = shown(console, "/shards/")
        assert page.count(ACTIVE) == 2
        assert seconds < 2
    finally:
        stack.start_server("redis")
        redis_is_back()
        caches.close_all()
        time.sleep(1.1)  # so long its breaker refuses


@pytest.mark.parametrize("how", [Down.REFUSED, Down.SIGSTOP])
def test_without_control_pages_say_within_a_bound_that_they_come_back(ann, through_faults, how):
    visitor = ann.signed_in(raise_request_exception=False)
    connections["control"].close()
    with through_faults.down("control", how):
        for address in ("/", "/tenants/", "/shards/"):
            began = time.monotonic()
            answer = visitor.get(address)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
            assert time.monotonic() - began < 5
    connections["control"].close()
    deadline = time.monotonic() + 5
    while visitor.get("/").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
