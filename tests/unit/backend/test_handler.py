"""Which connection an alias leads to."""

from dataclasses import replace
from types import MappingProxyType

import pytest
from django.db import connection

from sharding import scope
from sharding.backend.virtual.base import DatabaseWrapper as StandIn
from sharding.pools.budget.types import SHARDS_PER_PROCESS
from sharding.pools.errors import TooManyShards
from sharding.registry import current as registry
from sharding.registry.errors import ControlNotRegistered, UnknownShard
from sharding.registry.types import Registry
from tests.unit.backend.conftest import install, place, server


def test_default_follows_the_scope(handler):
    assert isinstance(handler["default"], StandIn)
    with scope.enter(scope.CONTROL):
        assert handler["default"] is handler["control"]
    with scope.enter(place()):
        assert handler["default"] is handler["alpha"]
    with scope.enter(place(shard="beta")):
        assert handler["default"] is handler["beta"]
    assert isinstance(handler["default"], StandIn)


def test_an_alias_that_names_a_tenant_leaves_no_trace_on_the_connection(handler):
    from sharding.backend.alias import alias_of

    wrapper = handler[alias_of(place())]
    assert type(wrapper.alias) is str
    assert wrapper is handler["alpha"]


def test_shards_are_hidden_from_iteration_and_from_settings(handler):
    assert handler["alpha"].alias == "alpha"
    assert list(handler) == ["default", "control"]
    assert "alpha" not in handler.settings


def test_addresses_come_from_the_registry(handler):
    assert handler["alpha"].settings_dict["NAME"] == "alpha"
    assert handler["alpha"].settings_dict["USER"] == "web"
    assert handler["control"].settings_dict["NAME"] == "control"


def test_an_unknown_alias_is_told_which_shards_there_are(handler):
    with pytest.raises(UnknownShard, match="alpha, beta"):
        handler["gamma"]


def test_a_server_whose_content_did_not_change_keeps_its_connection(handler):
    wrapper = handler["alpha"]
    install("alpha", "beta")
    assert handler["alpha"] is wrapper


def test_a_server_whose_content_changed_gets_a_new_one(handler):
    wrapper = handler["alpha"]
    known = registry.registry()
    registry.install(
        replace(known, shards=MappingProxyType({**known.shards, "alpha": server("alpha", 2)}))
    )
    assert handler["alpha"] is not wrapper
    assert handler["alpha"].settings_dict["PORT"] == "2"


def test_control_that_moves_gets_a_new_connection_too(handler):
    wrapper = handler["control"]
    registry.install(replace(registry.registry(), control=server("control", 2)))
    assert handler["control"] is not wrapper


def test_without_control_in_the_registry_only_connecting_fails(handler):
    registry.install(Registry())
    assert handler["control"].vendor == "postgresql"
    with pytest.raises(ControlNotRegistered, match="devstack up"):
        handler["control"].get_connection_params()


def test_an_open_block_keeps_its_connection(handler):
    wrapper = handler["alpha"]
    wrapper.in_atomic_block = True
    install("beta")
    assert handler["alpha"] is wrapper
    wrapper.in_atomic_block = False
    with pytest.raises(UnknownShard):
        handler["alpha"]


def test_assigning_and_deleting_default_mean_the_scopes_shard(handler):
    with scope.enter(place()):
        wrapper = handler["default"]
        del handler["default"]
        assert handler.peek("alpha") is None
        handler["default"] = wrapper
        assert handler.peek("alpha") is wrapper


def test_all_gives_each_connection_once(handler):
    with scope.enter(place()):
        handler["alpha"].alias  # noqa: B018 - made
        assert [wrapper.alias for wrapper in handler.all()] == ["alpha", "control"]
    assert [wrapper.alias for wrapper in handler.all(initialized_only=True)] == ["alpha", "control"]


def test_a_process_refuses_more_shards_than_it_may_hold(handler):
    names = [f"shard{number:02d}" for number in range(SHARDS_PER_PROCESS + 2)]
    install(*names)
    for name in names[:SHARDS_PER_PROCESS]:
        assert handler[name].alias == name
    with pytest.raises(TooManyShards, match="processes of its own"):
        handler[names[-1]]
    assert handler.peek(names[-1]) is None
    assert handler[names[0]].alias == names[0]
    # One that left the registry makes room.
    install(*names[1:])
    assert handler[names[-1]].alias == names[-1]
    with pytest.raises(TooManyShards):
        handler[names[-2]]


def test_a_command_goes_from_shard_to_shard_beyond_that(handler):
    names = [f"shard{number:02d}" for number in range(SHARDS_PER_PROCESS + 2)]
    install(*names)
    for name in names[:-1]:
        handler.make_room_for(name)
        assert handler[name].alias == name
    # All were left at once, when there was no room any more.
    assert handler.made() == (names[-2],)
    handler.make_room_for(names[-1])
    assert handler[names[-1]].alias == names[-1]
    assert set(handler.made()) == {names[-2], names[-1]}


def test_but_not_out_of_a_transaction(handler):
    names = [f"shard{number:02d}" for number in range(SHARDS_PER_PROCESS + 1)]
    install(*names)
    for name in names[:-1]:
        handler[name].in_atomic_block = True
    handler.make_room_for(names[-1])
    assert handler.made() == tuple(names[:-1])
    with pytest.raises(TooManyShards):
        handler[names[-1]]


def test_every_shard_has_the_atomic_requests_of_default(handler):
    value = handler["alpha"].settings_dict["ATOMIC_REQUESTS"]
    assert value is handler.settings["default"]["ATOMIC_REQUESTS"]


def test_the_proxy_that_others_imported_long_ago_follows_too(handler):
    with scope.enter(place()):
        assert connection.alias == "alpha"
    assert connection.alias == "default"
