"""The registry that this process uses."""

import os
import threading
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from sharding.registry.errors import ControlNotRegistered, UnknownShard
from sharding.registry.toml_file import read_registry
from sharding.registry.types import Registry, Server

ENVIRONMENT_VARIABLE = "ATOLL_REGISTRY"

_lock = threading.Lock()
_current: Registry | None = None


def registry() -> Registry:
    """All servers; read from the file that ATOLL_REGISTRY names at the first call, then kept.

    Without the variable, or without the file, it is empty: commands that need no server work.

    Raises:
        MalformedRegistry: the file is there and cannot be used.
    """
    return _current if _current is not None else _load()


def shard(name: str) -> Server:
    """The server of shard `name`.

    Raises:
        UnknownShard: none is called so.
    """
    shards = registry().shards
    try:
        return shards[name]
    except KeyError:
        raise UnknownShard(str(name), tuple(shards)) from None


def control() -> Server:
    """The control database's server.

    Raises:
        ControlNotRegistered: the registry is empty or names no control database.
    """
    server = registry().control
    if server is None:
        raise ControlNotRegistered(describe_source())
    return server


def install(new: Registry) -> Registry:
    """Use `new` from now on and return what is in use.

    A server whose content did not change stays the very object it was: connections are told
    apart by identity, and an unchanged server keeps its own.
    """
    global _current
    with _lock:
        _current = _keep_unchanged(_current or Registry(), new)
        return _current


def reload() -> Registry:
    """Read the file again (a Shard row has changed) and use what it says.

    Raises:
        MalformedRegistry: the file cannot be used; what was in use stays.
    """
    return install(read_source())


def read_source() -> Registry:
    """What the file says now, empty without one; what is in use stays.

    Raises:
        MalformedRegistry: the file is there and cannot be used.
    """
    path = os.environ.get(ENVIRONMENT_VARIABLE)
    if not path:
        return Registry()
    try:
        return read_registry(Path(path))
    except FileNotFoundError:
        return Registry()


def describe_source() -> str:
    """Where addresses come from, for messages."""
    path = os.environ.get(ENVIRONMENT_VARIABLE)
    return f"{ENVIRONMENT_VARIABLE}={path}" if path else f"{ENVIRONMENT_VARIABLE} is not set"


def _load() -> Registry:
    global _current
    with _lock:
        if _current is None:
            _current = read_source()
        return _current


def _keep_unchanged(old: Registry, new: Registry) -> Registry:
    def same_or_new(before: Server | None, after: Server) -> Server:
        return before if before == after and before is not None else after

    return replace(
        new,
        control=None if new.control is None else same_or_new(old.control, new.control),
        shards=MappingProxyType(
            {name: same_or_new(old.shards.get(name), part) for name, part in new.shards.items()}
        ),
    )
