"""How long a server may take to answer a probe, as it is written."""

import pytest
from django.test import override_settings

from sharding.backend.checks_of_pools import check_pool_settings
from sharding.pools.breaking.probe_times import parse_probe_times


def test_all_servers_have_one_and_some_their_own():
    times = parse_probe_times("0.25 beta=0.6 far-away=2")
    assert [times.seconds(name) for name in ("alpha", "beta", "far-away")] == [0.25, 0.6, 2.0]
    assert parse_probe_times("1").seconds("alpha") == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "0",
        "-1",
        "11",
        "nan",
        "0.25 beta",
        "0.25 =1",
        "0.25 beta=",
        "beta=1",
        "1 b=1 b=2",
    ],
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse_probe_times(text)


def test_settings_that_say_what_they_cannot_are_found_by_the_check():
    with override_settings(ATOLL_PROBE_SECONDS="soon", ATOLL_BREAKERS="no"):
        found = [(each.id, each.msg.split()[0]) for each in check_pool_settings()]
    assert found == [("sharding.E020", "ATOLL_BREAKERS"), ("sharding.E020", "ATOLL_PROBE_SECONDS")]
    assert list(check_pool_settings()) == []
