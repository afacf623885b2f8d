"""`django.db.connections`, where `default` is what the scope says and shards come by name.

Source: docs/adr/0004.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import ConnectionHandler, load_backend

from sharding.pools.budget.types import SHARDS_PER_PROCESS
from sharding.pools.budgeted import size_here
from sharding.pools.errors import TooManyShards
from sharding.pools.options import options_for
from sharding.registry import current as registry
from sharding.registry.errors import RegistryError
from sharding.registry.types import Server
from sharding.scope import current

CONTROL: Final = "control"
SHARD_ENGINE: Final = "sharding.backend.shard"
_NONE_YET: Final[Mapping[str, Any]] = MappingProxyType({})

_connected: set[str] = set()
_connected_lock = threading.Lock()


class ScopeHandler(ConnectionHandler):
    """Finds a connection by alias: `default` by the scope, `control` and shards by the registry.

    Iterating gives the aliases of the settings only, so that whoever goes through "all databases"
    blindly meets no shard; `all()` also gives the connections that exist, so that whoever closes
    or resets connections reaches them.
    """

    _connections: Any

    def _alias(self, alias: str) -> str:
        if alias == DEFAULT_DB_ALIAS:
            place = current()
            if place is not None:
                return place.shard
        return alias

    def __getitem__(self, alias: str) -> Any:
        # A dozen times per request, so what _alias() and wrappers() do stands here once more.
        if alias == DEFAULT_DB_ALIAS and (place := current()) is not None:
            alias = place.shard
        wrapper = getattr(self._connections, "wrappers", _NONE_YET).get(alias)
        if alias != CONTROL and alias in self.settings:
            # The stand-in, or a database that is none of ours.
            return wrapper if wrapper is not None else self._make(alias, None)
        server = _control() if alias == CONTROL else registry.registry().shards.get(alias)
        if wrapper is not None:
            if wrapper.server is server or wrapper.in_atomic_block:
                return wrapper
            self._retire(alias, wrapper)
        if alias != CONTROL:
            server = registry.shard(alias)  # or say which there are
        return self._make(alias, server)

    def __setitem__(self, alias: str, wrapper: BaseDatabaseWrapper) -> None:
        alias = str(self._alias(alias))
        self._connections.wrappers = {**self.wrappers(), alias: wrapper}

    def __delitem__(self, alias: str) -> None:
        self._drop(str(self._alias(alias)))

    def all(self, initialized_only: bool = False) -> list[Any]:
        """The connections of the settings and every open one; with `initialized_only` the latter.

        A shard in scope is there once, although `default` leads to it as well.
        """
        if initialized_only:
            return list(self.wrappers().values())
        named = {alias: self[alias] for alias in map(self._alias, self)}
        return list({**self.wrappers(), **named}.values())

    def wrappers(self) -> Mapping[str, Any]:
        """The wrappers that this thread (or task) has made, by alias.

        One mapping, never changed but replaced: what is asked several times in every request is
        one look into Django's thread-local, and a task's additions stay its own.
        """
        made: Mapping[str, Any] = getattr(self._connections, "wrappers", _NONE_YET)
        return made

    def made(self) -> tuple[str, ...]:
        """The aliases for which this thread (or task) has a wrapper."""
        return tuple(self.wrappers())

    def peek(self, alias: str) -> Any:
        """The wrapper of exactly this alias, None where there is none yet."""
        return self.wrappers().get(alias)

    def settings_for(self, alias: str, server: Server | None, **how: Any) -> dict[str, Any]:
        """The full settings of a connection to `server`, as Django's wrapper wants them."""
        own = dict(self.settings.get(alias, {"ENGINE": SHARD_ENGINE}))
        if server is not None:
            address = options_for(server, **how)
            own = {**own, **address, "OPTIONS": {**own.get("OPTIONS", {}), **address["OPTIONS"]}}
        # DRF looks here whether a failed view is to be rolled back.
        own.setdefault("ATOMIC_REQUESTS", self.settings[DEFAULT_DB_ALIAS]["ATOMIC_REQUESTS"])
        full: dict[str, Any] = self.configure_settings({DEFAULT_DB_ALIAS: {}, alias: own})[alias]
        return full

    def _make(self, alias: str, server: Server | None) -> Any:
        if alias in self.settings and server is None:
            wrapper: Any = self.create_connection(alias)
            if alias == CONTROL:
                wrapper.server = None
        else:
            if alias != CONTROL:
                _count_shard(alias)
            full = self.settings_for(alias, server, pool=_pool_for(alias))
            backend: Any = load_backend(full["ENGINE"])
            wrapper = backend.DatabaseWrapper(full, str(alias), server=server)
        self[alias] = wrapper
        return wrapper

    def make_room_for(self, shard: str) -> None:
        """Where this process may connect to no further shard, leave those that this thread has met.

        For commands, which go from shard to shard. What serves requests belongs to a group of
        shards, and other threads of it may be using the pools that this closes.
        """
        with _connected_lock:
            if shard in _connected or len(_connected) < SHARDS_PER_PROCESS:
                return
        for alias, wrapper in self.wrappers().items():
            if alias in _connected and not wrapper.in_atomic_block:
                self._retire(alias, wrapper)
                with _connected_lock:
                    _connected.discard(alias)

    def _retire(self, alias: str, wrapper: Any) -> None:
        """Drop a connection whose server has another address now, or none."""
        wrapper.close()
        wrapper.close_pool()
        self._drop(alias)

    def _drop(self, alias: str) -> None:
        self._connections.wrappers = {
            made: wrapper for made, wrapper in self.wrappers().items() if made != alias
        }


def _control() -> Server | None:
    try:
        return registry.registry().control
    except RegistryError:
        # System checks only ask what kind of database it is; connecting says what is wrong.
        return None


def _count_shard(alias: str) -> None:
    with _connected_lock:
        if alias in _connected:
            return
        known = registry.registry().shards
        _connected.intersection_update(known)
        if len(_connected) >= SHARDS_PER_PROCESS:
            raise TooManyShards(alias, SHARDS_PER_PROCESS)
        _connected.add(str(alias))


def _pool_for(alias: str) -> Mapping[str, Any] | None:
    pool: Mapping[str, Any] | None = getattr(settings, "ATOLL_POOL", None)
    if pool is None:
        return None
    size = size_here(registry.registry(), str(alias))
    return pool if size is None else {**pool, "max_size": size}
