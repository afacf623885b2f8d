"""Keep a run's leases while its steps last, however long one takes."""

import threading
from datetime import timedelta
from typing import Final

import psycopg

from migrations_tools.fleet.journal import Journal

BETWEEN_BEATS: Final = timedelta(seconds=15)


class Keeper:
    """A thread that beats for the length of a `with` block.

    When the journal's connection is gone, and with it the lock of the fleet, it sets `stop`.
    """

    def __init__(self, journal: Journal, stop: threading.Event) -> None:
        self._journal = journal
        self._stop = stop
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="fleet-keeper", daemon=True)

    def __enter__(self) -> "Keeper":
        self._thread.start()
        return self

    def __exit__(self, *of_the_block: object) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(BETWEEN_BEATS.total_seconds()):
            try:
                self._journal.beat()
            except psycopg.Error:
                self._stop.set()
                return
