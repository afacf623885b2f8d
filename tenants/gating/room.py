"""Who waits at gates in this process: bounded, of one tenant and of all. Plain data and a lock."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tenants.directory.types import Entry


class TurnedAway(StrEnum):
    """Why somebody who came to a gate does not go through it."""

    FULL = "full"
    """As many wait as may: of this tenant, or of all together."""

    TOO_LONG = "too long"
    """It was not opened in time."""


@dataclass(frozen=True, slots=True)
class RoomLimits:
    """How many may wait at a time.

    Attributes:
        tenant: of one tenant.
        all: together. Whoever waits holds a thread, which the tenants of other shards need.
    """

    tenant: int
    all: int


class Waiter:
    """One request that waits.

    Attributes:
        entry: where the tenant is, once it was woken; None: there is no such tenant any more.
    """

    __slots__ = ("entry", "tenant_id", "wake")

    def __init__(self, tenant_id: str, wake: Callable[[], object]) -> None:
        self.tenant_id = tenant_id
        self.wake = wake
        self.entry: Entry | None = None


class WaitingRoom:
    """The waiters of one process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, set[Waiter]] = {}

    def come_in(self, waiter: Waiter, limits: RoomLimits) -> bool:
        """Take a place, if there is one."""
        with self._lock:
            of_tenant = self._waiting.get(waiter.tenant_id, set())
            if len(of_tenant) >= limits.tenant or self._count() >= limits.all:
                return False
            self._waiting.setdefault(waiter.tenant_id, of_tenant).add(waiter)
            return True

    def leave(self, waiter: Waiter) -> None:
        """Give the place to others. Idempotent."""
        with self._lock:
            of_tenant = self._waiting.get(waiter.tenant_id)
            if of_tenant is not None:
                of_tenant.discard(waiter)
                if not of_tenant:
                    del self._waiting[waiter.tenant_id]

    def let_go(self, tenant_id: str, entry: Entry | None) -> int:
        """Wake all who wait for this tenant, and tell them where it is; return how many."""
        with self._lock:
            woken = self._waiting.pop(tenant_id, set())
        for waiter in woken:
            waiter.entry = entry
            waiter.wake()
        return len(woken)

    def tenants(self) -> tuple[str, ...]:
        """For whom somebody waits."""
        with self._lock:
            return tuple(self._waiting)

    def count(self) -> int:
        """How many wait."""
        with self._lock:
            return self._count()

    def _count(self) -> int:
        return sum(map(len, self._waiting.values()))
