"""Every way to be down, of every server, under gunicorn and uvicorn; and what each cure is for."""

import subprocess
import sys

import pytest

from tests.faults.down import Down
from tests.fixtures.downs import Times, down_under_load
from tests.fixtures.load.figures import Told
from tests.fixtures.load.steady import Lane, Waiters
from tests.fixtures.two_shards import KINDS, PATH
from tests.fixtures.web_servers import ROOT, environment_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

TIMES = Times(warm=1, before=3, during=7, after=6)
PATIENT = {"ATOLL_PROBE_SECONDS": "0.6"}
"""A probe that is late because this machine has too much to do shall open nothing."""
NO_BREAKERS = {"ATOLL_BREAKERS": "false"}
NO_SLOTS = {"ATOLL_SHARD_SLOTS": "0", "ATOLL_TENANT_SLOTS": "0"}
FRONT = Lane("front", "/", ("localhost",), 5)


@pytest.fixture(scope="module", autouse=True)
def styles(ground):
    """The front page names its style sheets by their content."""
    environment = {"ATOLL_STATIC_ROOT": str(ground.folder / "static")}
    ground.extra |= environment
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "--verbosity", "0"],
        cwd=ROOT,
        env=environment_of(ground.environment()),
        check=True,
    )


def down(ground, kind, name, how, *, per_second=20, **environment) -> Told:
    through = ground.path_to(name, how) if name in ground.slow else ()
    with ground.served(kind, through=through, environment=PATIENT | environment) as server:
        return down_under_load(
            ground,
            server,
            ground.lane("beta", 20),
            ground.lane("alpha", per_second),
            FRONT,
            name=name,
            how=how,
            times=TIMES,
        )


def all_served(told: Told, *lanes: str) -> None:
    """But few: where many come at once on a busy machine, a tenant may have all its slots."""
    for lane in lanes:
        for phase in ("before", "during", "after"):
            assert told.served(lane, phase) > 0.9, (lane, phase, told.lanes[lane][phase])
            assert told.statuses(lane, phase) <= {200, 503}, (lane, phase)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", Down)
def test_a_shard_that_is_down_in_any_way_hurts_its_own_tenants_only_and_not_for_long(
    ground, kind, how
):
    told = down(ground, kind, "alpha", how)
    all_served(told, "beta", "front")
    assert told.slowest_s["beta"] < 2
    assert told.served("alpha", "before") > 0.9
    assert told.served("alpha", "during") < 0.5
    assert told.statuses("alpha", "during") <= {200, 503}
    assert told.first_503_s["alpha"] < 3
    assert told.slowest_s["alpha"] < 4
    assert told.served("alpha", "after") > 0.5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", [Down.REFUSED, Down.SIGSTOP])
@pytest.mark.parametrize("name", ["redis", "control"])
def test_tenants_that_are_known_are_served_without_redis_and_without_control(
    ground, kind, how, name
):
    told = down(ground, kind, name, how)
    all_served(told, "alpha", "beta")
    assert max(told.slowest_s[shard] for shard in ("alpha", "beta")) < 4


@pytest.mark.parametrize("kind", KINDS)
def test_two_shards_down_at_once_leave_the_front_page_and_come_back_both(ground, kind):
    lanes = (ground.lane("beta", 20), ground.lane("alpha", 20), FRONT)
    with ground.served(kind) as server, ground.down("beta", Down.SIGSTOP):
        # beta is down from here on; it returns when this block is left, after alpha.
        told = down_under_load(ground, server, *lanes, name="alpha", how=Down.REFUSED, times=TIMES)
    all_served(told, "front")
    assert told.statuses("beta", "during") == {503}
    assert told.statuses("alpha", "during") <= {200, 503}
    assert told.served("alpha", "after") > 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_one_tenant_with_very_many_heavy_requests_starves_nobody(ground, kind):
    hung, quiet = ground.hosts("alpha")
    lanes = (ground.lane("beta", 20), Lane("alpha", PATH, (quiet,), 20))
    with ground.served(kind) as server, ground.load(server, *lanes) as load:
        load.phase(2)
        many = Waiters("hung", "/bench/heavy/", (hung,), 200)
        with ground.load(server, many, name="waiters") as heavy:
            during = load.phase(6)
        load.phase(1)
    for lane in ("alpha", "beta"):
        asked = during.of(load.asked, lane)
        served = [one for one in asked if one.status == 200]
        # Where all of its shard's slots are taken, nearly nobody is.
        assert len(served) > 0.75 * len(asked), lane
        assert max(one.took for one in asked) < 4
    assert {one.status for one in during.of(heavy.asked, "hung")} >= {503}
    assert all(one.retry_after > 0 for one in heavy.asked if one.status == 503)


MANY = 80
"""Requests a second: a pool gives each half a second, and so many threads there are not."""


def test_control_without_slots_the_other_shard_waits_for_the_one_that_is_down(ground):
    without, with_them = (
        down(
            ground,
            "gthread",
            "alpha",
            Down.SIGSTOP,
            per_second=MANY,
            **NO_BREAKERS,
            **environment,
        )
        for environment in (NO_SLOTS, {})
    )
    assert without.lanes["beta"]["during"].p50_ms > 500
    assert with_them.lanes["beta"]["during"].p50_ms < 250
    all_served(with_them, "beta")


def test_control_without_suspicion_its_own_tenants_wait_for_each_deadline(ground):
    without = down(ground, "gthread", "alpha", Down.SIGSTOP, **NO_BREAKERS)
    assert without.slowest_s["alpha"] > 2.5
    with_it = down(ground, "gthread", "alpha", Down.SIGSTOP)
    assert with_it.slowest_s["alpha"] < 2.5


def test_control_without_a_deadline_a_request_waits_as_long_as_the_shard_is_held(ground):
    told = down(
        ground,
        "gthread",
        "alpha",
        Down.SIGSTOP,
        DJANGO_SETTINGS_MODULE="tests.scenarios.shards.without_deadline",
        **NO_BREAKERS,
    )
    assert told.slowest_s["alpha"] > TIMES.during
