"""What the connections of shards and of the control database have in common.

Addresses come from the registry, every wait ends, pools belong to a server's content, and
callbacks of a commit run in the scope that registered them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import update_wrapper
from typing import TYPE_CHECKING, Any

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base as postgresql
from psycopg_pool import PoolTimeout

from sharding import scope
from sharding.backend.tenancy import TenancyWords
from sharding.pools.breaker import breaker_for, when_away
from sharding.pools.connecting import refused_lately
from sharding.pools.deadline import (
    KNOWN_AWAY,
    Deadlined,
    Heeds,
    deadlined_for,
    met_away_just_now,
)
from sharding.pools.errors import NoConnectionFree, ShardAway

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

    from sharding.registry.types import Server

_pools: dict[Server, dict[str, ConnectionPool[Any]]] = {}
"""Pools by what the registry says of their server: a new address is a new pool."""
_removed: Counter[str] = Counter()
"""How many pools of each server were closed as unused."""


class Driver:
    """psycopg, but `connect` makes connections of one class. Django looks up both here."""

    def __init__(self, connection_class: type[Deadlined]) -> None:
        self.connect = connection_class.connect

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


class ServerWrapper(TenancyWords, postgresql.DatabaseWrapper):
    """A connection to one server of the registry.

    Attributes:
        server: what the registry said when the wrapper was made; None outside the registry.
        heeds: what of the server's breaker its connections give up for.
    """

    server: Server | None
    heeds: Heeds = Heeds.AWAY

    def __init__(self, settings_dict: dict[str, Any], alias: str, *, server: Server | None = None):
        # An exact str: an alias that names a tenant would keep the first one for ever.
        super().__init__(settings_dict, str(alias))
        self.server = server
        connection_class = deadlined_for(self.alias, self.heeds)
        self.Database = Driver(connection_class)  # type: ignore[assignment]
        self._is_refused = connection_class.is_refused
        if server is not None:
            self._connection_pools = _pools.setdefault(server, {})

    def get_connection_params(self) -> dict[str, Any]:
        """Django's, without what would take our cursors or our connections away."""
        options = self.settings_dict["OPTIONS"]
        for refused in ("server_side_binding", "cursor_factory"):
            if options.get(refused):
                raise ImproperlyConfigured(
                    f"OPTIONS[{refused!r}] is not supported on {self.alias}: statements could "
                    "not carry their tenant."
                )
        params: dict[str, Any] = super().get_connection_params()
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect, unless the server is known to be away.

        Raises:
            ShardAway: at once. Leaving an atomic block after a lost connection connects again,
                and would wait again.
            NoConnectionFree: the pool had none to give in time.
        """
        if self._is_refused() or met_away_just_now(self.alias):
            raise ShardAway(self.alias, KNOWN_AWAY)
        removed = _removed[self.alias]
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError as error:
            if _removed[self.alias] != removed:
                # The pool was closed as unused just when we asked, in vain; there is a new one.
                return self.get_new_connection(conn_params)
            if not isinstance(error, PoolTimeout):
                raise
            why = refused_lately(self.alias) or str(error)
            breaker_for(self.alias).suspect(f"the pool had no connection: {why}")
            raise NoConnectionFree(self.alias, why) from error

    def close_pool(self) -> None:
        """Close this server's pool, if it was opened. Borrowed connections close when returned."""
        pool = self._connection_pools.pop(self.alias, None)
        if pool is not None:
            pool.close()

    def close_for_real(self) -> None:
        """Close the connection itself, even one that belongs to a pool; roll back what is open."""
        if self.connection is not None:
            self.connection.close()
        self.close()

    def on_commit(self, func: Callable[[], object], robust: bool = False) -> None:
        """As in Django; `func` runs in the scope that registers it here."""
        if callable(func):
            func = _InScope(func, scope.current())
        super().on_commit(func, robust)


class _InScope:
    """A callback that runs in the scope that registered it.

    Equal to the callback itself: what `captureOnCommitCallbacks` gives is compared with that.
    """

    def __init__(self, func: Callable[[], object], place: scope.Scope | None) -> None:
        # Django shows the callback's own name when it fails.
        update_wrapper(self, func)
        self._func = func
        self._place = place

    def __call__(self) -> object:
        if scope.current() == self._place:
            return self._func()
        with scope.enter(self._place):
            return self._func()

    def __eq__(self, other: object) -> bool:
        return self._func == (other._func if isinstance(other, _InScope) else other)

    def __hash__(self) -> int:
        return hash(self._func)


def open_pools() -> dict[str, ConnectionPool[Any]]:
    """The pools that this process has open now, by server."""
    return {name: pool for pools in tuple(_pools.values()) for name, pool in tuple(pools.items())}


@when_away
def free_waiters(name: str) -> None:
    """Tell everybody who waits for a connection of this server that there will be none.

    psycopg-pool has no such call; these are the lines by which it tells them that it closes.
    """
    pool = open_pools().get(name)
    if pool is not None:
        with pool._lock:
            waiting = list(pool._waiting)
        for each in waiting:
            each.fail(ShardAway(name, KNOWN_AWAY))


def remove_pool(pool: ConnectionPool[Any]) -> None:
    """Let nobody find this pool any more; who has just found it is told by `_removed`."""
    for pools in tuple(_pools.values()):
        for name, found in tuple(pools.items()):
            if found is pool:
                _removed[name] += 1
                del pools[name]


def forget_pools() -> list[object]:
    """Let go of all pools without closing them, and return what kept them.

    For a forked child: the sockets are the parent's, and closing them here would close them there.
    """
    kept: list[object] = []
    for pools in _pools.values():
        kept += pools.values()
        pools.clear()
    return kept
