"""Plans as they are written, and what each process makes of them."""

from datetime import timedelta

import pytest

from tenants import checks_of_limits
from tenants.conf import tenant_settings
from tenants.plans import Plan, parse_plans


def test_a_plan_says_how_many_requests_and_how_long_a_statement():
    plans = parse_plans("small=8/1500ms  large=40 free=4/1s")
    assert plans == {
        "small": Plan("small", 8, timedelta(seconds=1.5)),
        "large": Plan("large", 40),
        "free": Plan("free", 4, timedelta(seconds=1)),
    }
    assert [plan.statement_timeout_ms for plan in plans.values()] == [1500, 0, 1000]
    assert str(plans["small"]) == "small: 8 requests at a time, statements of at most 1500 ms"
    assert str(plans["large"]) == "large: 40 requests at a time"
    assert parse_plans("") == {}


@pytest.mark.parametrize(
    "text",
    [
        "small",
        "small=",
        "small=0",
        "small=8/",
        "small=8/0s",
        "small=8/1",
        "small=8/1min",
        "Small=8",
        "none=8",
        "small=8 small=9",
        "small=8,large=9",
        f"{'x' * 31}=8",
    ],
)
def test_what_is_no_plan_is_refused(text):
    with pytest.raises(ValueError):
        parse_plans(text)


@pytest.mark.parametrize(
    ("requests", "processes", "share"), [(8, 2, 4), (9, 2, 4), (1, 30, 1), (40, 30, 1), (60, 30, 2)]
)
def test_each_process_gets_its_share_and_at_least_one(requests, processes, share):
    assert Plan("small", requests).share(processes) == share


def test_a_plan_that_is_no_longer_there_limits_nobody(settings):
    settings.ATOLL_PLANS = "small=8/1500ms"
    assert tenant_settings().statement_timeout_ms("small") == 1500
    assert tenant_settings().statement_timeout_ms("gone") == 0
    assert tenant_settings().statement_timeout_ms("") == 0


def test_the_server_ends_a_statement_before_the_client_gives_it_up(settings):
    settings.ATOLL_PLANS = "fine=8/3400ms free=8 slow=8/3500ms"
    (error,) = checks_of_limits.check_order_of_deadlines()
    assert error.id == "tenants.E040"
    assert "Plan slow" in error.msg
    settings.ATOLL_PLANS = ""
    assert list(checks_of_limits.check_order_of_deadlines()) == []


def test_a_request_may_outlive_a_statement(settings):
    settings.ATOLL_REQUEST_SECONDS = 3.5
    (warning,) = checks_of_limits.check_order_of_deadlines()
    assert (warning.id, warning.is_serious()) == ("tenants.W041", False)


def test_a_plan_with_which_one_tenant_gets_all_of_its_shard_is_warned_of(settings):
    settings.ATOLL_THREADS, settings.ATOLL_SHARD_SLOTS = 8, None
    settings.ATOLL_PROCESSES, settings.ATOLL_PLANS = 2, "fine=8 greedy=10"
    (warning,) = checks_of_limits.check_shares()
    assert warning.id == "tenants.W042"
    assert "plan greedy may have 5 requests" in warning.msg
    settings.ATOLL_PROCESSES = 4
    assert list(checks_of_limits.check_shares()) == []


def test_where_a_group_is_named_its_processes_share(settings):
    settings.ATOLL_THREADS, settings.ATOLL_PLANS = 8, "greedy=10"
    settings.ATOLL_PROCESSES = 1
    settings.ATOLL_PROCESS_GROUPS, settings.ATOLL_PROCESS_GROUP = "web=4x8", "web"
    assert list(checks_of_limits.check_shares()) == []
