"""What waiting for each server has cost this process, since it began.

Counted where every wait of every statement passes anyway, and read now and then by whoever
publishes figures. A wrapper around each statement would cost several times as much.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import Final


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

    __slots__ = ("_expired", "_fresh", "_given_up", "_messages", "_seconds", "_summing")

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin at nothing. Also the lock: a fork may have copied it closed."""
        self._fresh: deque[float] = deque()
        self._summing = threading.Lock()
        self._messages = 0
        self._seconds = 0.0
        self._given_up = 0
        self._expired = 0

    def add(self, seconds: float) -> None:
        """Count one wait."""
        self._fresh.append(seconds)
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
                seconds = self._fresh.popleft()
                if seconds >= NOTHING_SENT_S:
                    self._seconds += seconds
                    self._messages += 1
            return Waited(self._messages, self._seconds, self._given_up, self._expired)


_meters: Final[dict[str, Meter]] = {}


def meter_for(name: str) -> Meter:
    """The meter of server `name` in this process."""
    meter = _meters.get(name)
    return meter if meter is not None else _meters.setdefault(name, Meter())


def read_meters() -> dict[str, Waited]:
    """The figures of every server that this process has waited for."""
    return {name: meter.read() for name, meter in tuple(_meters.items())}


def forget_meters() -> None:
    """Begin at nothing: in a forked child, whose parent has counted for itself."""
    for meter in _meters.values():
        meter.begin()
