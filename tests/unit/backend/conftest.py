"""A registry of servers that nobody will connect to."""

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any

import pytest
from django.db import connections

from sharding.backend import handler as module
from sharding.registry import current as registry
from sharding.registry.types import Endpoint, Login, Registry, Server
from sharding.scope import Placement
from sharding.scope.current import replace as set_scope


def server(name: str, port: int = 1) -> Server:
    at = Endpoint("127.0.0.1", port, name)
    return Server(name, at, at, Login("web", "w"), Login("own", "o"))


def install(*names: str) -> Registry:
    shards = MappingProxyType({name: server(name) for name in names})
    return registry.install(Registry(1, server("control"), shards))


@pytest.fixture
def handler(monkeypatch) -> Iterator[Any]:
    """The connections of this thread, all unmade; put back afterwards."""
    it: Any = connections
    before = registry.registry()
    kept = {alias: it.peek(alias) for alias in it.made()}
    for alias in kept:
        del it[alias]
    monkeypatch.setattr(module, "_connected", set())
    install("alpha", "beta")
    yield it
    set_scope(None)
    for alias in it.made():
        del it[alias]
    registry.install(before)
    for alias, wrapper in kept.items():
        it[alias] = wrapper


def place(number: int = 1, shard: str = "alpha") -> Placement:
    return Placement(f"ttenant{number}", shard, f"ttenant{number}", 1, "g")
