"""The tables that say what may become of what."""

import pytest

from sharding.placements.errors import InvalidShardName
from sharding.placements.services.shards import check_shard_name
from sharding.placements.states import TRANSITIONS, PlacementState


def test_every_state_says_where_it_leads():
    assert set(TRANSITIONS) == set(PlacementState)


def test_every_state_is_reached_from_the_first_and_leads_to_the_end():
    reached, edge = set(), {PlacementState.CREATING}
    while edge:
        reached |= edge
        edge = {there for here in edge for there in TRANSITIONS[here]} - reached
    assert reached == set(PlacementState)
    ends = {state for state, onward in TRANSITIONS.items() if not onward}
    assert ends == {PlacementState.DROPPING}


@pytest.mark.parametrize("name", ["alpha", "a", "eu-1", "x" * 30])
def test_a_name_that_serves_as_alias_queue_and_file_passes(name):
    check_shard_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Alpha",
        "1a",
        "-a",
        "a-",
        "a_b",
        "a.b",
        "a/b",
        "a b",
        "é",
        "x" * 31,
        "control",
        "default",
    ],
)
def test_any_other_is_refused(name):
    with pytest.raises(InvalidShardName):
        check_shard_name(name)
