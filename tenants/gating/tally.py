"""What became of requests that met a move, in this process since it began.

Plain numbers, and no models: figures are published by modules that are there before those.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum


class Outcome(StrEnum):
    """What became of one."""

    WAITED = "waited"
    """It waited at a gate, and went on."""

    TOO_LONG = "too_long"
    """It waited at a gate that was not opened in time: 503."""

    FULL = "full"
    """As many waited already as may: 503."""

    BEGUN_ANEW = "begun_anew"
    """It met the move in its middle, and another run was begun."""

    GIVEN_UP = "given_up"
    """It met the move in its middle, and may not run twice: 503."""


class Tally:
    """Counts; many threads add to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[Outcome] = Counter()
        self._waiting = 0

    def add(self, outcome: Outcome) -> None:
        """Count one."""
        with self._lock:
            self._counts[outcome] += 1

    @contextmanager
    def one_waits(self) -> Iterator[None]:
        """Count one more who waits while the block lasts."""
        with self._lock:
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return self._waiting

    def read(self) -> dict[Outcome, int]:
        """What was counted so far."""
        with self._lock:
            return dict(self._counts)


_tally = Tally()


def tally() -> Tally:
    """This process's."""
    return _tally


def forget_tally() -> None:
    """Begin at nothing: in a forked child, whose parent has counted for itself."""
    global _tally
    _tally = Tally()
