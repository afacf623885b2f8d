"""The commands say what they did, what they would do, and what is wrong with what they got."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from migrations_tools.fleet.models import FleetRun
from sharding.placements.models import Placement
from sharding.placements.services.leases import lease
from tests.integration.fleet.conftest import ask, has_urgency

PUT_FORBIDDEN = (
    "INSERT INTO {schema}.outbox_message (topic, payload, tries, last_error)"
    " VALUES ('forbidden', '1', 0, '')"
)


def run(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


def refused(*words: str) -> CommandError:
    with pytest.raises(CommandError) as error:
        run(*words)
    return error.value


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--waves", "10%,5%"], "rising shares"),
        (["--error-budget", "some"], "how many schemas may fail"),
        (["--canary", "t1234567", "--no-canary"], "the opposite"),
        (["--resume", "--shard", "alpha"], "without --tenant"),
        (["--resume", "--skip-suspended"], "without --tenant"),
        (["--waves", ""], "rising shares"),
        (["--waves", "10%,100%,200%"], "rising shares"),
        (["--error-budget", "-1"], "how many schemas may fail"),
        (["--pause", "nan"], "0 to 86400"),
        (["--per-shard", "0"], "takes 1 to 16"),
        (["--per-shard", "17"], "takes 1 to 16"),
        (["--pause", "-1"], "0 to 86400"),
        (["--tenant", "acme"], "show_tenant acme"),
        (["--canary", "acme"], "show_tenant acme"),
        (["--shard", "gamma"], "No such shard: gamma"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_makes_no_sense_is_refused_with_what_to_give(words, said):
    error = refused("migrate_fleet", *words)
    assert said in str(error)
    assert error.returncode == 2


@pytest.mark.parametrize("words", [["--tenant", "acme"], ["--shard", "gamma"]], ids=["a", "b"])
def test_the_status_of_nobody_is_refused(words):
    assert refused("fleet_status", *words).returncode == 2


@pytest.mark.parametrize("how", [(), ("--dry-run",)], ids=["for good", "dry"])
def test_a_canary_that_moves_is_refused_and_nobody_else_goes_first(ready, release, how):
    canary, other = ready(), ready()
    release("two")
    row = Placement.objects.using("control").filter(tenant_id=canary.tenant_id)
    row.update(state="moving")
    words = [f"--tenant={one.tenant_id}" for one in (canary, other)]
    try:
        error = refused("migrate_fleet", "--canary", canary.tenant_id, *words, *how)
    finally:
        row.update(state="ready")
    assert error.returncode == 2
    assert "it is moving to another shard" in str(error)
    assert "--no-canary" in str(error)
    assert not has_urgency(other)


def test_a_plan_shows_how_and_a_dry_run_whom_and_neither_changes_anything(ready, release):
    places = [ready("alpha") for _ in range(4)]
    release("three")
    words = [f"--tenant={place.tenant_id}" for place in places]
    planned = run("migrate_fleet", "--plan", *words)
    assert "4 schemas at" in planned
    assert "outbox.0002_urgency" in planned
    assert "replayed" in planned
    assert "outbox.0003_topics_in_capitals: by Django's executor, RunPython" in planned
    # What it would do to those who are served meanwhile, and the way that does not.
    assert "require-concurrent-index-creation: " in planned
    assert "instead: AddIndexConcurrently" in planned
    told = json.loads(run("migrate_fleet", "--dry-run", "--json", *words))
    (group,) = told["groups"]
    assert group["lacks"] == ["outbox.0002_urgency", "outbox.0003_topics_in_capitals"]
    assert {one["standing"] for one in told["schemas"]} == {"behind"}
    assert not any(has_urgency(place) for place in places)
    (line, *_) = run("fleet_status", "--tenant", places[0].tenant_id).splitlines()
    assert f"{places[0].tenant_id} on alpha: behind" in line
    assert "lacks outbox.0002_urgency, outbox.0003_topics_in_capitals" in line
    assert "not known to have the state" in str(
        refused("fleet_status", "--check", "--tenant", places[0].tenant_id)
    )


def test_the_exit_status_says_whether_one_failed_or_was_left_behind(ready, release):
    bad, held = ready(), ready()
    ask(bad, PUT_FORBIDDEN.format(schema=bad.schema))
    release("broken")
    words = ["migrate_fleet", "--no-canary", "--tenant", bad.tenant_id]
    with lease(held.tenant_id, "looking"):
        error = refused(*words, "--tenant", held.tenant_id)
    assert error.returncode == 1
    assert "1 of 2 schemas failed" in str(error)
    assert "migrate_fleet --resume" in str(error)
    status = run("fleet_status", "--tenant", bad.tenant_id, "--tenant", held.tenant_id)
    assert status.count("behind") == 2
    whole = json.loads(run("fleet_status", "--json", "--tenant", bad.tenant_id))
    assert [one["tenant_id"] for one in whole["not_level"]] == [bad.tenant_id]
    assert whole["run"]["state"] == "failed"
    ask(bad, f"DELETE FROM {bad.schema}.outbox_message")
    with lease(held.tenant_id, "looking"):
        error = refused("migrate_fleet", "--resume")
    assert error.returncode == 3
    assert "left behind" in str(error)
    assert has_urgency(bad)
    told = json.loads(run("migrate_fleet", "--resume", "--json"))
    assert told["state"] == "done"
    assert [step["tenant_id"] for step in told["steps"]] == [held.tenant_id]
    assert "nothing to do" in run("migrate_fleet", "--tenant", held.tenant_id)
    error = refused("migrate_fleet", "--resume")
    assert error.returncode == 1
    assert "Without --resume" in str(error)


def test_what_stopped_goes_on_as_it_was_asked_and_as_fast_as_is_said_now(ready, release):
    places = [ready() for _ in range(3)]
    ask(places[0], PUT_FORBIDDEN.format(schema=places[0].schema))
    release("broken")
    words = [f"--tenant={place.tenant_id}" for place in places]
    pace = ["--no-canary", "--waves=100%", "--per-shard=3"]
    error = refused("migrate_fleet", "--error-budget=0", *pace, *words)
    assert error.returncode == 3
    assert "the error budget is 0" in str(error)
    ask(places[0], f"DELETE FROM {places[0].schema}.outbox_message")
    told = json.loads(run("migrate_fleet", "--resume", "--error-budget=50%", "--json"))
    assert told["state"] == "done"
    asked = FleetRun.objects.using("control").order_by("-id")[:2]
    now, before = (one.asked for one in asked)
    assert (before["budget"], now["budget"]) == ("0", "50%")
    assert {**before, "budget": ""} == {**now, "budget": ""}
    assert (now["lanes"], now["shares"]["percents"], now["shares"]["canary"]) == (3, [100], False)
    assert all(has_urgency(place) for place in places)
