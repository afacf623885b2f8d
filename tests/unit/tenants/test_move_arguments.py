from argparse import ArgumentTypeError
from datetime import timedelta

import pytest

from sharding.moves.types import MoveRequest
from tenants.moving import arguments


@pytest.mark.parametrize(
    ("read", "text", "found"),
    [
        (arguments.pause, "1", timedelta(milliseconds=1)),
        (arguments.pause, "600000", timedelta(minutes=10)),
        (arguments.drain, "0", timedelta(0)),
        (arguments.drain, "2.5", timedelta(seconds=2.5)),
        (arguments.soak, "0.5", timedelta(minutes=30)),
        (arguments.soak, "720", timedelta(days=30)),
        (arguments.attempts, "1", 1),
    ],
)
def test_what_may_be_said(read, text, found):
    assert read(text) == found


@pytest.mark.parametrize(
    ("read", "text", "told"),
    [
        (arguments.pause, "0", "from 1 to 600000"),
        (arguments.pause, "-5", "from 1 to 600000"),
        (arguments.pause, "999999999999999999999", "from 1 to 600000"),
        (arguments.drain, "-1", "from 0 to 3600"),
        (arguments.drain, "inf", "from 0 to 3600"),
        (arguments.soak, "nan", "to 720"),
        (arguments.soak, "1e8", "to 720"),
        (arguments.soak, "-3", "to 720"),
        (arguments.soak, "a day", "to 720"),
        (arguments.attempts, "0", "from 1 to 100"),
        (arguments.attempts, "1.5", "from 1 to 100"),
    ],
)
def test_what_may_not_is_refused_with_its_bounds(read, text, told):
    with pytest.raises(ArgumentTypeError, match=f"{text!r} is not a number.*{told}"):
        read(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_pause": timedelta(0)},
        {"max_pause": timedelta(hours=1)},
        {"max_drain": timedelta(seconds=-1)},
        {"soak": timedelta(seconds=-1)},
        {"soak": timedelta(days=4_000_000)},
        {"attempts": 0},
    ],
)
def test_no_journal_gets_what_nobody_could_read(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        MoveRequest("t1", "beta", **wrong)
