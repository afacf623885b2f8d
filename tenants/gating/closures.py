"""Whose gates are closed in this process. Plain data and a lock."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

KEPT_S: Final = 30.0
"""How long a closure is believed if nobody lifts it. What must hold for longer stands in the
placement; this is for who has read that a moment too early."""


@dataclass(slots=True)
class _Closure:
    epoch: int
    announcement: int
    ends: float


class Closures:
    """The gates of one process, by tenant."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed: dict[str, _Closure] = {}

    def close(
        self, tenant_id: str, *, epoch: int, announcement: int = 0, seconds: float = KEPT_S
    ) -> None:
        """Let nobody of this tenant in.

        epoch: of the placement that is not served any more.
        announcement: by which this was heard; 0: nobody is to be answered.
        """
        ends = monotonic() + seconds
        with self._lock:
            before = self._closed.get(tenant_id)
            if before is not None and before.ends > ends:
                # One that was announced is not shortened by what a request has met.
                return
            self._closed[tenant_id] = _Closure(epoch, announcement, ends)

    def lift(self, tenant_id: str) -> None:
        """Let everybody in again."""
        with self._lock:
            self._closed.pop(tenant_id, None)

    def is_closed(self, tenant_id: str) -> bool:
        """Asked for every request."""
        if not self._closed:
            return False
        closure = self._closed.get(tenant_id)
        return closure is not None and monotonic() < closure.ends

    def seen_ready(self, tenant_id: str, epoch: int) -> None:
        """Control says that the tenant is served at `epoch`: a gate that closed before is open."""
        with self._lock:
            closure = self._closed.get(tenant_id)
            if closure is not None and epoch > closure.epoch:
                del self._closed[tenant_id]

    def looks(self, in_flight: Callable[[str], int]) -> dict[str, dict[str, int]]:
        """Of each gate whose closing was announced: by which announcement, and who is inside.

        Whoever is let in has first taken a slot and then asked `is_closed`; a closure is noted
        first, and then the slots are counted. So nobody is inside and not counted.
        """
        now = monotonic()
        with self._lock:
            for tenant_id in [name for name, each in self._closed.items() if each.ends <= now]:
                del self._closed[tenant_id]
            announced = {
                tenant_id: each.announcement
                for tenant_id, each in self._closed.items()
                if each.announcement
            }
        return {
            tenant_id: {"announcement": number, "in_flight": in_flight(tenant_id)}
            for tenant_id, number in announced.items()
        }
