"""A tenant gets a plan, and what it may have follows within a moment."""

import pytest
from django.db import connection

from tenants.directory.lookup import directory, lookup, lookup_id
from tenants.directory.types import HostKey
from tenants.errors import UnknownPlan
from tenants.services.change_plan import change_plan, plan_change
from tenants.services.listing import show_tenant
from tenants.services.provision import plan_provision
from tenants.services.types import ProvisionRequest
from tests.integration.lifecycle.test_commands import refused, run, told

SHOW = "SELECT current_setting('statement_timeout')"


@pytest.fixture(autouse=True)
def _plans(settings):
    settings.ATOLL_PLANS = "small=4/1500ms large=40"


def test_requests_and_tasks_carry_what_the_plan_says_at_once(life, neighbours):
    assert lookup(life.host).placement.statement_timeout_ms == 0
    done = change_plan(life.slug, "small", reason="a new contract")
    assert (done.before, done.after) == ("", "small")
    for entry in (lookup(life.host), lookup_id(life.id)):
        assert (entry.plan, entry.placement.statement_timeout_ms) == ("small", 1500)
    assert {lookup(each.host).placement.statement_timeout_ms for each in neighbours} == {0}
    (entry,) = life.audit("tenant.plan")
    assert entry.before == {"plan": ""}
    assert entry.after == {"plan": "small", "reason": "a new contract"}
    change_plan(life.id, "none")
    assert lookup(life.host).plan == ""
    assert len(life.audit("tenant.plan")) == 2


def test_what_other_processes_find_in_redis_says_it_too(life, settings):
    change_plan(life.slug, "small")
    directory().clear()
    lookup(life.host)
    directory.cache_clear()
    found = lookup(life.host)
    assert directory().peek(HostKey(life.host)).entry == found
    assert (found.plan, found.placement.statement_timeout_ms) == ("small", 1500)
    # What a plan means is each process's own setting, not what another one has written down.
    settings.ATOLL_PLANS = "small=4/700ms"
    directory.cache_clear()
    assert lookup(life.host).placement.statement_timeout_ms == 700
    settings.ATOLL_PLANS = ""
    directory.cache_clear()
    assert lookup(life.host).placement.statement_timeout_ms == 0


def test_a_plan_that_is_not_there_is_refused_and_nothing_changes(life):
    change_plan(life.slug, "large")
    for wrong in ("huge", "Small", "small ", "x" * 500):
        with pytest.raises(UnknownPlan, match="small, large"):
            change_plan(life.slug, wrong)
    assert life.row.plan == "large"
    assert len(life.audit("tenant.plan")) == 1


def test_looking_and_saying_it_twice_change_nothing(life):
    assert plan_change(life.slug, "small").after == "small"
    assert life.row.plan == ""
    change_plan(life.slug, "small")
    assert change_plan(life.slug, "small").changes_nothing
    assert len(life.audit("tenant.plan")) == 1


def test_by_command(life):
    before = f"{life.slug} ({life.id})"
    assert run("change_plan", life.slug, "small", "--dry-run") == (
        f"{before} would have plan small from now on; it had no plan\n"
    )
    assert life.row.plan == ""
    assert told("change_plan", life.slug, "small") == {
        "tenant_id": life.id,
        "slug": life.slug,
        "before": "",
        "after": "small",
        "done": True,
    }
    assert run("change_plan", life.slug, "small") == f"{before} has plan small already\n"
    assert show_tenant(life.slug).plan == told("show_tenant", life.slug)["plan"] == "small"
    listed = run("list_tenants").splitlines()
    at = listed[0].index("PLAN")
    assert {line[at:].split()[0] for line in listed if line.startswith(life.slug)} == {"small"}
    assert run("change_plan", life.id, "none").endswith(
        "has no plan from now on; it had plan small\n"
    )
    assert "PLAN" not in run("list_tenants"), "where nobody has one, nobody asks"
    message, status = refused("change_plan", life.slug, "huge")
    assert (status, "There is no plan 'huge' (small, large" in message) == (2, True)
    assert refused("change_plan", "nobody", "small")[1] == 2


def test_a_tenant_can_be_made_with_one(life):
    request = ProvisionRequest(slug="life-planned", plan="small")
    assert request.asked()["plan"] == "small"
    assert "plan" not in ProvisionRequest(slug="life-planned").asked()
    plan_provision(request)
    with pytest.raises(UnknownPlan):
        plan_provision(ProvisionRequest(slug="life-planned", plan="huge"))
    assert refused("create_tenant", "life-planned", "--plan", "huge", "--dry-run")[1] == 2
    run("create_tenant", "life-planned", "--plan", "small", "--dry-run")


def test_statements_of_a_request_carry_the_plans_time_limit(life):
    change_plan(life.slug, "small")
    place = lookup(life.host).placement
    with type(life)(life.id, life.slug, place).scope(), connection.cursor() as cursor:
        cursor.execute(SHOW)
        assert cursor.fetchone() == ("1500ms",)
