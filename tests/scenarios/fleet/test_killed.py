"""Killed at any point, by its pid and from outside: the next run ends as if nothing had been."""

import signal

import pytest
from django.db import connections

from migrations_tools.fleet.models import FleetRun, FleetStep
from migrations_tools.fleet.states import RunState, StepState
from migrations_tools.services.fleet import migrate_fleet
from sharding.placements.services.placing import get_placement
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from tests.integration.fleet.conftest import has_urgency, of
from tests.integration.fleet.test_migrate import whole

_TEMPLATES = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tmpl%'"


def quietly(line):
    pass


@pytest.fixture(scope="module")
def undisturbed():
    """What a tenant is that was migrated by a run that nobody disturbed; made when first asked."""
    return {}


@pytest.fixture
def expected(undisturbed, ready, release):
    def of_release(name):
        if name not in undisturbed:
            place = ready()
            release(name)
            assert migrate_fleet(of(place), tell=quietly).state is RunState.DONE
            undisturbed[name] = whole(place)
        release(name)
        return undisturbed[name]

    return of_release


POINTS = [
    # Control is migrated, the run is written down, nobody is taken.
    "begin_journal:return:1",
    # In a template that holds half of what is recorded.
    "_Rehearsal.apply_migration:return:1",
    # Leases and intents of a batch are there, and nothing is changed.
    "Journal.take:return:1",
    # Two schemas are through on the shard, and only the shard knows.
    "replay_segment:return:2",
    # The second one is through its first segment and not through its second.
    "run_by_executor:call:2",
    # In the middle of Django's executor, before what it did is written down.
    "_Marks.measured:call:1",
    # A batch is done and written down.
    "Journal.end:return:1",
]
# The quick share is where only the shard knows how far it is; the others are marked slow.
KILLS = [
    pytest.param(point, marks=[pytest.mark.slow] * (point != "replay_segment:return:2"))
    for point in POINTS
]


@pytest.mark.parametrize("point", KILLS)
def test_killed_at_a_point_the_next_run_ends_as_if_nothing_had_been(ready, start, expected, point):
    places = [ready("alpha") for _ in range(4)]
    wanted = expected("three")
    victim = start(point, places, release="three")
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert not all(has_urgency(place) for place in places) or point.startswith("Journal.end")
    report = migrate_fleet(of(*places, record_from=1), tell=quietly)
    assert report.state is RunState.DONE, report.ends
    for place in places:
        assert whole(place) == wanted
        assert get_placement(place.tenant_id).lease_holder == ""
    runs = FleetRun.objects.using("control").order_by("-id")[:2]
    assert [run.state for run in runs] == [RunState.DONE, RunState.CUT_OFF]
    left = FleetStep.objects.using("control").filter(run__in=runs, state=StepState.BEGUN)
    assert not left.exists()


@pytest.mark.slow
def test_a_template_that_a_killed_run_left_is_nobodys_and_hurts_nobody(ready, start, expected):
    places = [ready("alpha") for _ in range(4)]
    wanted = expected("two")
    victim = start("rehearse:return:1", places, release="two")
    victim.kill()
    victim.wait()
    with own_connection(addresses.shard("alpha")) as own:
        assert own.execute(_TEMPLATES).fetchall(), "negative control: it was left behind"
    assert migrate_fleet(of(*places), tell=quietly).state is RunState.DONE
    assert {whole(place) == wanted for place in places} == {True}


@pytest.mark.parametrize(
    "point",
    ["replay_segment:return:2", pytest.param("Journal.end:call:1", marks=pytest.mark.slow)],
)
def test_a_shard_that_crashes_under_a_run_is_caught_up_and_the_other_one_is_done(
    ready, start, go, expected, fleet, point
):
    here = [ready("alpha") for _ in range(4)]
    there = [ready("beta") for _ in range(2)]
    wanted = expected("two")
    victim = start(point, here + there, release="two")
    fleet.kill_server("alpha")
    try:
        go()
        out, err = victim.communicate(timeout=60)
        assert victim.returncode == 3, (out, err)
        assert "migrate_fleet --resume" in err
        assert all(has_urgency(place) for place in there)
    finally:
        fleet.start_server("alpha")
    report = migrate_fleet(of(*here, *there), tell=quietly)
    assert report.state is RunState.DONE, report.ends
    assert {whole(place) == wanted for place in here} == {True}


@pytest.mark.slow
def test_when_control_crashes_nothing_more_is_begun_and_the_next_run_goes_on(
    ready, start, go, expected, fleet
):
    places = [ready("alpha") for _ in range(4)]
    wanted = expected("two")
    victim = start("Journal.take:call:2", places, release="two")
    fleet.kill_server("control")
    try:
        go()
        out, err = victim.communicate(timeout=60)
        assert victim.returncode == 3, (out, err)
        assert "control went away" in err
        assert not all(has_urgency(place) for place in places)
    finally:
        fleet.start_server("control")
        for wrapper in connections.all(initialized_only=True):
            wrapper.close()
            if hasattr(wrapper, "close_pool"):
                wrapper.close_pool()
    assert migrate_fleet(of(*places), tell=quietly).state is RunState.DONE
    assert {whole(place) == wanted for place in places} == {True}
