"""One noisy tenant, one hung shard: real processes, and who must not notice.

Each promise with its negative control, where the same load with the slots off hurts the others.
"""

import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from statistics import median

import pytest

from config import env
from tests.integration.deploy.conftest import Gunicorn, ask, make

SETTINGS = "tests.integration.deploy.sleepy_settings"
OFF = {"ATOLL_SHARD_SLOTS": "0", "ATOLL_TENANT_SLOTS": "0"}
NOISE = 40
QUIET_FOR_S = 2.0
LONG_MS = 1000
SHORT = "/sleep/1/"
"""A page that asks its shard for hardly anything."""


class Uvicorn(Gunicorn):
    """The same under ASGI."""

    def start(self):
        with self.log.open("ab") as errors:
            self._process = subprocess.Popen(
                (
                    *(sys.executable, "-m", "uvicorn", "config.asgi:application"),
                    *("--port", str(self.port), "--no-access-log", "--log-level", "warning"),
                ),
                cwd=env.ROOT,
                env=self.environment,
                stdout=errors,
                stderr=errors,
            )
        deadline = time.monotonic() + 40
        while True:
            with suppress(OSError):
                if ask(self.port, "/healthz", timeout=5).status == 200:
                    return self
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def workers(self):
        return []


@pytest.fixture(scope="session")
def eider(stack_ready):
    """A quiet neighbour of dock's, on alpha."""
    return make("eider", "alpha")


@pytest.fixture
def serve(stack_ready, tmp_path, styles):
    """Starts one process with the product and the sleepy page; 8 requests at a time."""
    begun = []

    def serve(kind=Gunicorn, **how):
        made = kind(
            stack_ready,
            tmp_path / f"site{len(begun)}",
            DJANGO_SETTINGS_MODULE=SETTINGS,
            ATOLL_STATIC_ROOT=styles,
            **how,
        )
        begun.append(made)
        return made.start()

    yield serve
    for made in begun:
        made.stop()


@contextmanager
def noise(site, tenant, path):
    """So many clients of one tenant ask for `path` again and again; yields what they are told."""
    ends, told = threading.Event(), Counter()
    refused_after = []

    def keep_asking():
        while not ends.is_set():
            began = time.monotonic()
            try:
                status = ask(site.port, path, tenant.host, timeout=30).status
            except OSError:
                status = "cut off"
            told[status] += 1
            if status == 503:
                refused_after.append(time.monotonic() - began)
                ends.wait(0.2)

    threads = [threading.Thread(target=keep_asking) for _ in range(NOISE)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.5)
        yield told, refused_after
    finally:
        ends.set()
        for thread in threads:
            thread.join(40)


def visits(site, tenant):
    """What one visitor, who asks every 50 ms, is told and how long it takes."""
    told, took = Counter(), []
    until = time.monotonic() + QUIET_FOR_S
    while time.monotonic() < until:
        began = time.monotonic()
        told[ask(site.port, SHORT, tenant.host, timeout=30).status] += 1
        took.append(time.monotonic() - began)
        time.sleep(0.05)
    return told, took


def warm_up(site, *tenants):
    for tenant in tenants:
        assert ask(site.port, SHORT, tenant.host).status == 200


def test_a_noisy_tenant_does_not_starve_its_neighbour_nor_the_other_shard(
    serve, dock, eider, emery
):
    site = serve()
    warm_up(site, dock, eider, emery)
    with noise(site, dock, f"/sleep/{LONG_MS}/") as (noisy, refused_after):
        for tenant in (eider, emery):
            told, took = visits(site, tenant)
            assert set(told) == {200}, told
            assert median(took) < LONG_MS / 2000, took
    assert noisy[200] > 0
    assert noisy[503] > noisy[200], "who asks for too much is told so"
    assert median(refused_after) < LONG_MS / 2000
    figures = site.figures()
    assert figures['atoll_slot_refusals_total{reason="tenant_busy",server="alpha"}'] > 0
    assert figures["atoll_slot_limit"] == 5
    assert not any(dock.slug in name or dock.place.tenant_id in name for name in figures)


@pytest.mark.slow
@pytest.mark.parametrize("neighbour", ["eider", "emery"])
def test_negative_control_without_slots_a_noisy_tenant_takes_every_thread(
    serve, dock, neighbour, request
):
    other = request.getfixturevalue(neighbour)
    site = serve(**OFF)
    warm_up(site, dock, other)
    with noise(site, dock, f"/sleep/{LONG_MS}/"):
        told, took = visits(site, other)
    assert median(took) > LONG_MS / 2000, (told, took)


@pytest.mark.slow
def test_under_asgi_a_noisy_tenant_does_not_starve_its_neighbour(serve, dock, eider, emery):
    site = serve(Uvicorn)
    warm_up(site, dock, eider, emery)
    with noise(site, dock, f"/sleep/{LONG_MS}/") as (noisy, _):
        for tenant in (eider, emery):
            told, took = visits(site, tenant)
            assert set(told) == {200}, told
            assert median(took) < LONG_MS / 2000, took
    assert noisy[503] > noisy[200] > 0


@pytest.mark.slow
def test_under_asgi_negative_control_without_slots_the_pool_is_the_noisy_tenants(
    serve, dock, eider
):
    site = serve(Uvicorn, **OFF)
    warm_up(site, dock, eider)
    with noise(site, dock, f"/sleep/{LONG_MS}/"):
        told, took = visits(site, eider)
    assert told[503] > 0 or median(took) > LONG_MS / 2000, (told, took)


@contextmanager
def hung(stack, shard):
    stack.sigstop(shard)
    try:
        yield
    finally:
        stack.sigcont(shard)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Gunicorn, Uvicorn])
def test_a_hung_shard_does_not_starve_the_other(serve, stack_ready, dock, emery, kind):
    # Slots alone: a breaker would free the threads too (tests/scenarios/shards has both).
    site = serve(kind, ATOLL_BREAKERS="false")
    warm_up(site, dock, emery)
    with hung(stack_ready, "alpha"), noise(site, dock, SHORT) as (noisy, _):
        told, took = visits(site, emery)
    assert set(told) == {200}, told
    assert median(took) < 0.5, took
    assert noisy[503] > 0
    assert noisy[200] == 0


@pytest.mark.slow
def test_negative_control_without_slots_a_hung_shard_takes_every_thread(
    serve, stack_ready, dock, emery
):
    site = serve(ATOLL_BREAKERS="false", **OFF)
    warm_up(site, dock, emery)
    with hung(stack_ready, "alpha"), noise(site, dock, SHORT):
        told, took = visits(site, emery)
    assert median(took) > 0.5, (told, took)


@pytest.mark.slow
def test_a_client_that_goes_away_in_the_middle_leaves_its_slot(serve, dock):
    site = serve()
    warm_up(site, dock)
    for _ in range(30):
        with suppress(OSError):
            ask(site.port, "/sleep/600/", dock.host, timeout=0.05)
        time.sleep(0.05)
    deadline = time.monotonic() + 30
    while ask(site.port, "/sleep/1/", dock.host).status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    deadline = time.monotonic() + 30
    while site.figures().get('atoll_slots{server="alpha"}') != 0:
        assert time.monotonic() < deadline, site.figures()
        time.sleep(0.1)
