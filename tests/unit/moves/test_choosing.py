from datetime import timedelta

import pytest

from sharding.moves.core.choosing import Load, choose_mode, needs_a_look, predicted_pause
from sharding.moves.core.steps import Mode

MB = 1_000_000
SECOND = timedelta(seconds=1)


def mode(size: int, written: int = 0, *, budget: timedelta = SECOND, why_not: str = "") -> Mode:
    return choose_mode(Load(size, written), budget=budget, why_not_logical=why_not).mode


@pytest.mark.parametrize(
    ("size", "written", "wanted"),
    [
        (1 * MB, 1 * MB, Mode.BLOCK),
        (40 * MB, 0, Mode.BLOCK),
        (40 * MB, 10 * MB, Mode.LOGICAL),
        (100 * MB, 0, Mode.LOGICAL),
        (1000 * MB, 0, Mode.LOGICAL),
    ],
)
def test_a_tenant_goes_the_simple_way_only_where_its_pause_is_short(size, written, wanted):
    assert mode(size, written) is wanted


def test_a_short_budget_leaves_less_to_block_mode():
    assert mode(20 * MB) is Mode.BLOCK
    assert mode(20 * MB, budget=timedelta(milliseconds=60)) is Mode.LOGICAL


def test_what_speaks_against_streams_leaves_block_mode_whatever_its_pause_and_is_told():
    choice = choose_mode(
        Load(1000 * MB, 0), budget=SECOND, why_not_logical="wal_level of alpha is replica."
    )
    assert choice.mode is Mode.BLOCK
    assert "about 1025 ms" in choice.why
    assert choice.why.endswith("wal_level of alpha is replica.")


def test_writes_are_looked_at_only_where_they_decide():
    assert not needs_a_look(1 * MB, SECOND), "even if all of it is written to"
    assert needs_a_look(40 * MB, SECOND)
    assert not needs_a_look(100 * MB, SECOND), "even if none is"


def test_the_more_it_holds_and_the_more_it_writes_the_longer_it_would_pause():
    loads = [(0, 0), (10, 0), (10, 1), (10, 5), (50, 5)]
    pauses = [predicted_pause(Load(size * MB, written * MB)) for size, written in loads]
    assert pauses == sorted(pauses)
    assert len(set(pauses)) == len(pauses)
