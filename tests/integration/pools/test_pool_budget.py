"""`pool_budget` against servers that say their limits themselves."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import override_settings

from sharding.pools.options import POOL_OPTIONS
from sharding.registry import current

DEVSTACK_MOST = 200


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    call_command("pool_budget", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


@pytest.fixture(autouse=True)
def two_groups():
    with override_settings(ATOLL_PROCESS_GROUPS="web=4x8 worker=2x1:alpha"):
        yield


def test_the_servers_say_their_limits():
    out, err = run("--json", "--check")
    told = json.loads(out)
    assert told["fits"] is True
    assert len(told["servers"]) == 3
    for server in told["servers"]:
        assert server["limits"]["max_connections"] == DEVSTACK_MOST
        assert server["limits"]["reserved"] == 3
    opened = {tuple(s["databases"]): s["opened"] for s in told["servers"]}
    assert opened == {("control",): 34, ("alpha",): 34, ("beta",): 32}
    assert err == ""


def test_what_does_not_fit_fails_the_check_and_is_only_told_without_it():
    with override_settings(ATOLL_PROCESS_GROUPS="web=300x8"):
        _, err = run()
        assert "does not fit: Server 127.0.0.1:" in err
        with pytest.raises(CommandError) as refused:
            run("--check")
    assert refused.value.returncode == 1


def test_limits_that_the_servers_do_not_have_are_a_problem():
    with override_settings(ATOLL_SERVER_LIMITS="alpha=500"):
        _, err = run()
    assert "says alpha=500-3, and the server says alpha=200-3" in err


def test_pools_that_must_shrink_without_knowing_it_are_a_problem():
    with override_settings(ATOLL_PROCESS_GROUPS="web=30x8"):
        _, err = run()
        assert "must shrink from 8 to 6" in err
        assert "add beta=200-3 to ATOLL_SERVER_LIMITS" in err
        limits = "control=200-3 alpha=200-3 beta=200-3"
        with override_settings(ATOLL_SERVER_LIMITS=limits):
            _, err = run("--check")
        assert "does not fit" not in err


def test_offline_nobody_is_asked(fleet):
    fleet.stop_server("beta")
    try:
        with pytest.raises(CommandError, match="1 problems"):
            run("--check")
        _, err = run()
        assert f"Nothing is known of server 127.0.0.1:{fleet.server('beta').port}" in err
        with override_settings(ATOLL_SERVER_LIMITS="control=200 alpha=200 beta=200"):
            out, err = run("--offline", "--check")
        assert (err, "beta" in out) == ("", True)
    finally:
        fleet.start_server("beta")


def test_offline_a_server_whose_limits_nobody_told_is_a_problem():
    with override_settings(ATOLL_SERVER_LIMITS="control=200 alpha=200"):
        _, err = run("--offline")
    assert "name beta in ATOLL_SERVER_LIMITS, or leave out --offline" in err


def test_without_groups_it_says_how_to_describe_them():
    with override_settings(ATOLL_PROCESS_GROUPS=""):
        with pytest.raises(CommandError, match="describe them in ATOLL_PROCESS_GROUPS") as refused:
            run()
    assert refused.value.returncode == 2


def test_the_same_number_is_what_psycopg_pool_opens():
    budget = {
        "ATOLL_POOL": {"max_size": 8},
        "ATOLL_PROCESS_GROUPS": "web=30x8",
        "ATOLL_PROCESS_GROUP": "web",
        "ATOLL_SERVER_LIMITS": "alpha=200",
    }
    with override_settings(**budget):
        wrapper = connections._make("alpha", current.shard("alpha"))
        try:
            options = wrapper.settings_dict["OPTIONS"]["pool"]
            assert options["max_size"] == 6
            assert options["max_waiting"] == POOL_OPTIONS["max_waiting"] == 0
        finally:
            connections._drop("alpha")
