"""Whether asking control is worth the wait."""

import threading
from time import monotonic
from typing import Final

RETRY_S: Final = 2.0


class ControlGate:
    """Open while control answers; after a failure it lets one thread try every two seconds.

    Otherwise every thread of a process would spend its time waiting for a control that hangs,
    although answers to serve from are at hand.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asks_again = 0.0
        self._away = False

    def lets_through(self) -> bool:
        """Whether the caller may ask; while control is away, at most one in RETRY_S."""
        if not self._away:
            return True
        with self._lock:
            if monotonic() < self._asks_again:
                return False
            self._asks_again = monotonic() + RETRY_S
            return True

    def answered(self) -> None:
        """Control is there."""
        self._away = False

    def failed(self) -> None:
        """Control is away."""
        with self._lock:
            self._away = True
            self._asks_again = monotonic() + RETRY_S
