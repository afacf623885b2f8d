"""Takes what a process has counted for itself into the metrics, now and then."""

import os
import threading
from datetime import timedelta
from typing import Any, Final
from weakref import WeakKeyDictionary

from config.observability import metrics
from config.observability.request_meter import forget_requests, publish_requests
from sharding.backend.wrapper import open_pools
from sharding.pools.breaker import BreakerState, breaker_looks
from sharding.pools.conf import slot_settings
from sharding.pools.meters import Waited, forget_meters, read_meters
from sharding.pools.process_slots import slots
from sharding.pools.slots import Refused
from tenants.gating.tally import Outcome, tally

EVERY: Final = timedelta(seconds=2)

_waited: Final[dict[str, Waited]] = {}
_pool_stats: Final[WeakKeyDictionary[Any, dict[str, int]]] = WeakKeyDictionary()
_pooled: Final[set[str]] = set()
_opened: Final[dict[str, int]] = {}
_busy: Final[set[str]] = set()
_refused: Final[dict[tuple[str, Refused], int]] = {}
_met: Final[dict[Outcome, int]] = {}
_publishing = threading.Lock()
_publisher: "_Publisher | None" = None


def publish() -> None:
    """Bring the metrics of this process up to date."""
    publish_requests()
    with _publishing:
        _publish_waits()
        _publish_pools()
        _publish_breakers()
        _publish_slots()
        _publish_gates()


def keep_publishing() -> None:
    """Publish every two seconds from now on, and once more at `stop_publishing`.

    For processes whose figures another one hands out. To be called after the fork.
    """
    global _publisher, _publishing
    if _publisher is not None and _publisher.pid == os.getpid():
        return
    _publishing = threading.Lock()
    _waited.clear()
    _refused.clear()
    _met.clear()
    _pool_stats.clear()
    _opened.clear()
    forget_requests()
    forget_meters()
    _publisher = _Publisher()
    _publisher.start()


def stop_publishing() -> None:
    """Publish for the last time."""
    global _publisher
    publisher, _publisher = _publisher, None
    if publisher is not None and publisher.pid == os.getpid():
        publisher.stop()


class _Publisher(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="atoll figures", daemon=True)
        self.pid = os.getpid()
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(EVERY.total_seconds()):
            publish()
        publish()

    def stop(self) -> None:
        self._ended.set()
        self.join(timeout=2)


def _publish_waits() -> None:
    nothing = Waited(0, 0.0, 0)
    for server, now in read_meters().items():
        before = _waited.get(server, nothing)
        if now == before:
            continue
        metrics.MESSAGES.labels(server).inc(now.messages - before.messages)
        metrics.MESSAGE_SECONDS.labels(server).inc(now.seconds - before.seconds)
        metrics.GIVEN_UP.labels(server).inc(now.given_up - before.given_up)
        metrics.CONNECTIONS_EXPIRED.labels(server).inc(now.expired - before.expired)
        _waited[server] = now


def _publish_breakers() -> None:
    for server, look in breaker_looks().items():
        away = look.state in (BreakerState.OPEN, BreakerState.HELD)
        metrics.AWAY.labels(server).set(away)
        for state in BreakerState:
            metrics.BREAKER_STATE.labels(server, state).set(look.state is state)
        metrics.BREAKER_SINCE.labels(server).set(look.since.timestamp())
        before = min(_opened.get(server, 0), look.opened)
        metrics.BREAKER_OPENED.labels(server).inc(look.opened - before)
        _opened[server] = look.opened


def _publish_pools() -> None:
    pools = open_pools()
    for server, pool in pools.items():
        stats = pool.get_stats()
        idle = stats.get("pool_available", 0)
        used = stats.get("pool_size", 0) - idle
        metrics.POOL_CONNECTIONS.labels(server, "idle").set(idle)
        metrics.POOL_CONNECTIONS.labels(server, "used").set(used)
        metrics.POOL_LIMIT.labels(server).set(stats.get("pool_max", 0))
        metrics.POOL_WAITING.labels(server).set(stats.get("requests_waiting", 0))
        _count_on(server, pool, stats)
    for server in _pooled - pools.keys():
        # Its pool was closed: another address, or none.
        for gauge in (metrics.POOL_LIMIT, metrics.POOL_WAITING):
            gauge.labels(server).set(0)
        for state in ("idle", "used"):
            metrics.POOL_CONNECTIONS.labels(server, state).set(0)
    _pooled.clear()
    _pooled.update(pools)


def _publish_slots() -> None:
    taken = slots().in_use()
    if taken or _busy:  # in workers of queues nothing ever is
        metrics.SLOT_LIMIT.set(slot_settings().shard_slots)
    # A shard that has none now is not told of any more, and had some a moment ago.
    for server in _busy | taken.keys():
        metrics.SLOTS.labels(server).set(taken.get(server, 0))
    _busy.update(taken)
    for (server, why), now in slots().refusals().items():
        if grown := now - _refused.get((server, why), 0):
            metrics.SLOT_REFUSALS.labels(server, str(why)).inc(grown)
            _refused[server, why] = now


def _publish_gates() -> None:
    outcomes = tally().read()
    waiting = tally().waiting
    if outcomes or waiting:  # else nobody has met a move, as in most processes
        metrics.GATE_WAITING.set(waiting)
    for outcome, now in outcomes.items():
        if grown := now - _met.get(outcome, 0):
            metrics.MOVES_MET.labels(str(outcome)).inc(grown)
            _met[outcome] = now


def _count_on(server: str, pool: Any, stats: dict[str, int]) -> None:
    """Add what a pool has counted since it was last asked: a new pool begins at nothing."""
    before = _pool_stats.get(pool, {})
    _pool_stats[pool] = stats

    def grown(name: str) -> int:
        return stats.get(name, 0) - before.get(name, 0)

    metrics.POOL_WAIT_SECONDS.labels(server).inc(grown("requests_wait_ms") / 1000)
    metrics.POOL_REFUSALS.labels(server).inc(grown("requests_errors"))
    metrics.CONNECTION_FAILURES.labels(server).inc(grown("connections_errors"))
