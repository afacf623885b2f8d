"""How much of its shard each tenant has had in this process, since somebody last took the figures.

Requests are counted as they are let in, statements where everything waits (`meters`); both for next
to nothing. Whoever takes the figures and cannot keep them merges them into the next ones.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_FRESH_MOST: Final = 1000


@dataclass(slots=True)
class TenantUse:
    """The figures of one tenant.

    Attributes:
        requests: let in, whatever came of them.
        statements: messages to its shard that were answered, or given up.
        seconds: how long these were waited for, all together.
    """

    requests: int = 0
    statements: int = 0
    seconds: float = 0.0


Uses = dict[str, TenantUse]
"""By tenant id."""


class RequestTally:
    """Counts requests of tenants; many threads add to it.

    Each request is one `append`, which needs no lock; they are summed up when somebody takes the
    figures, or when so many have come together that they would take room.
    """

    __slots__ = ("_fresh", "_summed", "_summing")

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin at nothing. Also the lock: a fork may have copied it closed."""
        self._fresh: deque[str] = deque()
        self._summed: Uses = {}
        self._summing = threading.Lock()

    def add(self, tenant_id: str) -> None:
        """Count one request."""
        self._fresh.append(tenant_id)
        if len(self._fresh) >= _FRESH_MOST:
            with self._summing:
                self._sum()

    def take(self) -> Uses:
        """What was counted since this was last asked."""
        with self._summing:
            self._sum()
            taken, self._summed = self._summed, {}
        return taken

    def _sum(self) -> None:
        # Only what is there now: other threads go on adding.
        for _ in range(len(self._fresh)):
            tenant_id = self._fresh.popleft()
            of = self._summed.get(tenant_id)
            if of is None:
                of = self._summed[tenant_id] = TenantUse()
            of.requests += 1


def merge_use(into: Uses, more: Mapping[str, TenantUse]) -> None:
    """Add what was counted elsewhere, or could not be kept before."""
    for tenant_id, use in more.items():
        of = into.get(tenant_id)
        if of is None:
            of = into[tenant_id] = TenantUse()
        of.requests += use.requests
        of.statements += use.statements
        of.seconds += use.seconds


requests: Final = RequestTally()
"""The tally of this process."""
