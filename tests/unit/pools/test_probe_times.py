"""How long a server may take to answer a probe, as it is written."""

import pytest

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
