"""What this process's pools hold, and an end to those that nobody uses.

A pool that was opened once keeps two threads and, for long, its connections; a process that has
met many shards would keep all of them. Its next user opens a new one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from sharding.backend.wrapper import open_pools, remove_pool
from sharding.pools.meters import read_meters

if TYPE_CHECKING:
    from psycopg_pool import ConnectionPool

_FOR_ITS_THREADS_S: Final = 1.0
"""They have nothing to do, so they end at once; one that connects in vain ends a little later."""


@dataclass(frozen=True, slots=True)
class PoolLook:
    """What one process holds of one server.

    Attributes:
        open: connections of its pool, idle or used.
        idle: those that nobody has.
        waiting: threads that wait for one now.
        given_up: how often, since the process began, a thread got no connection or no answer.
    """

    open: int
    idle: int
    waiting: int
    given_up: int

    def to_json(self) -> dict[str, int]:
        """As it stands in a process row."""
        return asdict(self)


class PoolKeeper:
    """Looks at the pools of its process now and then; one thread has it."""

    def __init__(self) -> None:
        self._asked: WeakKeyDictionary[ConnectionPool[Any], tuple[int, float]] = WeakKeyDictionary()
        self._refused_before: Counter[str] = Counter()

    def looks(self) -> dict[str, PoolLook]:
        """Every server that this process has asked for anything."""
        given_up = {name: waited.given_up for name, waited in read_meters().items()}
        stats = {name: pool.get_stats() for name, pool in open_pools().items()}
        return {
            name: PoolLook(
                open=found.get("pool_size", 0),
                idle=found.get("pool_available", 0),
                waiting=found.get("requests_waiting", 0),
                given_up=given_up.get(name, 0)
                + found.get("requests_errors", 0)
                + self._refused_before[name],
            )
            for name in sorted({*given_up, *stats})
            if (found := stats.get(name, {})) or given_up.get(name)
        }

    def close_unused(self, after: timedelta) -> list[str]:
        """Close each pool that nobody has asked for so long, and that has lent nothing.

        Returns their servers' names.
        """
        closed = []
        for name, pool in open_pools().items():
            if pool.closed or not self._is_unused(pool, after):
                continue
            self._refused_before[name] += pool.get_stats().get("requests_errors", 0)
            remove_pool(pool)
            # Who has just asked it is told that it is closed, and asks the next one.
            pool.close(timeout=_FOR_ITS_THREADS_S)
            closed.append(name)
        return closed

    def _is_unused(self, pool: ConnectionPool[Any], after: timedelta) -> bool:
        stats = pool.get_stats()
        asked, lent = stats.get("requests_num", 0), stats["pool_size"] - stats["pool_available"]
        before, since = self._asked.get(pool, (-1, 0.0))
        now = monotonic()
        if lent or asked != before:
            self._asked[pool] = (asked, now)
            return False
        return now - since >= after.total_seconds()
