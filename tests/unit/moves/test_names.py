"""Whoever finds a session or a slot knows by its name whose it is."""

import pytest

from sharding.moves.connections import Who
from sharding.moves.services.streams import Direction, base_of, move_of, name_of, prefix_of

WHO = Who("t0k3f9a", 7, 12)


def test_a_session_is_known_by_its_name():
    assert Who.of_session(WHO.session) == WHO


@pytest.mark.parametrize(
    "name", ["", "psql", "mv:", "mv:t0k3f9a:7", "mv:t0k3f9a:7:12:1", "mv:t0k3f9a:x:12"]
)
def test_a_session_that_is_called_otherwise_is_nobodys(name):
    assert Who.of_session(name) is None


@pytest.mark.parametrize("direction", Direction)
def test_what_streams_have_is_known_by_its_name(direction):
    name = name_of(base_of(WHO), direction)
    assert name.startswith(prefix_of("t0k3f9a", 7))
    assert move_of(name) == ("t0k3f9a", 7)
    assert direction.other.other is direction is not direction.other


@pytest.mark.parametrize("name", ["", "standby_1", "mv_t0k3f9a", "mv_t0k3f9a_x_there"])
def test_what_is_called_otherwise_is_of_no_move(name):
    assert move_of(name) is None
