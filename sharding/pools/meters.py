"""What waiting for each server has cost this process, since it began; and for which tenants.

Counted where every wait of every statement passes anyway, and read now and then by whoever
publishes figures. A wrapper around each statement would cost several times as much.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final

from sharding.pools.tenant_use import TenantUse, Uses, merge_use, requests
from sharding.scope.current import current
from sharding.scope.types import Placement, Scope


@dataclass(frozen=True, slots=True)
class Waited:
    """The figures of one server.

    Attributes:
        messages: waits for an answer. A statement with its prefix and its BEGIN is one message, a
            COMMIT is one.
        seconds: how long all of them took together.
        given_up: how many ended without an answer: its deadline, or a server known to be away.
        expired: connections that had met their budget of schemas.
    """

    messages: int
    seconds: float
    given_up: int
    expired: int = 0


_FRESH_MOST: Final = 1000
NOTHING_SENT_S: Final = 20e-6
"""A wait this short was for nothing: psycopg also waits where it has sent nothing, such as when
autocommit is switched, and no server answers in so little time, on this machine or another."""


class Meter:
    """Counts the waits for one server; many threads add to it.

    Each wait is one `append`, which needs no lock; they are summed up when somebody reads, or when
    so many have come together that they would take room.
    """

    __slots__ = (
        "_expired",
        "_fresh",
        "_given_up",
        "_messages",
        "_name",
        "_of",
        "_seconds",
        "_summing",
    )

    def __init__(self, name: str = "") -> None:
        self._name = name
        self.begin()

    def begin(self) -> None:
        """Begin at nothing. Also the lock: a fork may have copied it closed."""
        self.begin_tenants()
        self._messages = 0
        self._seconds = 0.0
        self._given_up = 0
        self._expired = 0

    def begin_tenants(self) -> None:
        """Begin at nothing of tenants, and with what nobody has summed up yet."""
        self._fresh: deque[tuple[Scope | None, float]] = deque()
        self._of: Uses = {}
        self._summing = threading.Lock()

    def add(self, seconds: float) -> None:
        """Count one wait, of whoever is in scope."""
        self._fresh.append((current(), seconds))
        if len(self._fresh) >= _FRESH_MOST:
            self.read()

    def add_given_up(self, seconds: float) -> None:
        """Count a wait that ended without an answer."""
        with self._summing:
            self._given_up += 1
        self.add(seconds)

    def add_expired(self) -> None:
        """Count a connection that had met its budget of schemas."""
        with self._summing:
            self._expired += 1

    def read(self) -> Waited:
        """What was counted so far."""
        with self._summing:
            # Only what is there now: other threads go on adding.
            for _ in range(len(self._fresh)):
                scope, seconds = self._fresh.popleft()
                if seconds < NOTHING_SENT_S:
                    continue
                self._seconds += seconds
                self._messages += 1
                # Its shard's server only: what it waits for control is no load of its own.
                if isinstance(scope, Placement) and scope.shard == self._name:
                    of = self._of.get(scope.tenant_id)
                    if of is None:
                        of = self._of[scope.tenant_id] = TenantUse()
                    of.statements += 1
                    of.seconds += seconds
            return Waited(self._messages, self._seconds, self._given_up, self._expired)

    def take_tenants(self) -> Uses:
        """What was counted of each tenant since this was last asked."""
        self.read()
        with self._summing:
            taken, self._of = self._of, {}
        return taken


_meters: Final[dict[str, Meter]] = {}


def meter_for(name: str) -> Meter:
    """The meter of server `name` in this process."""
    meter = _meters.get(name)
    return meter if meter is not None else _meters.setdefault(name, Meter(name))


def read_meters() -> dict[str, Waited]:
    """The figures of every server that this process has waited for."""
    return {name: meter.read() for name, meter in tuple(_meters.items())}


def take_tenant_use() -> Uses:
    """What this process has counted of tenants since this was last asked."""
    taken = requests.take()
    for meter in tuple(_meters.values()):
        merge_use(taken, meter.take_tenants())
    return taken


def forget_tenant_use() -> None:
    """Begin at nothing of tenants: in a forked child, whose parent keeps its own."""
    requests.begin()
    for meter in _meters.values():
        meter.begin_tenants()


def forget_meters() -> None:
    """Begin at nothing: in a forked child, whose parent has counted for itself."""
    for meter in _meters.values():
        meter.begin()
