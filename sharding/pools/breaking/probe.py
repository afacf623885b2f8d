"""Asks one server whether it is there, within a time, on a connection of its own."""

import asyncio
from collections.abc import Generator
from time import monotonic
from typing import Any, Final, TypeVar

import psycopg

from sharding.pools.outages import without_rows
from sharding.registry.types import Server

RV = TypeVar("RV")

STILL_THERE: Final = "SELECT 1"
LOOK_S: Final = 0.025
"""How often a probe that waits looks at the clock; psycopg's own tenth of a second is coarse."""
LATE_S: Final = 0.05
"""A time-out that comes so much too late says that this process got no CPU, and the server
perhaps answered in time."""
_REASON_MOST: Final = 300


class ProbeFailed(Exception):
    """The server did not answer as it should.

    Attributes:
        was_late: it was a time-out, and this process itself was too slow to say so in time.
    """

    def __init__(self, reason: str, *, was_late: bool = False) -> None:
        self.reason = reason[:_REASON_MOST]
        self.was_late = was_late
        super().__init__(self.reason)


class Probe:
    """Keeps a connection to one server, as web and the way that requests go."""

    def __init__(self) -> None:
        self._connection: _Impatient | None = None
        self._server: Server | None = None

    async def ask(self, server: Server, seconds: float) -> None:
        """Return when it answered; connecting may take so many seconds, and the answer too.

        Raises:
            ProbeFailed: it did not.
        """
        if self._server is not server:
            self.abandon()
            self._server = server
        kept = self._connection is not None
        began = monotonic()
        try:
            await self._ask(server, seconds)
        except (TimeoutError, _NoAnswer):
            late = monotonic() - began - seconds
            self.abandon()
            raise ProbeFailed(
                f"no answer to a probe within {seconds:g} s", was_late=late > LATE_S
            ) from None
        except (psycopg.Error, OSError) as error:
            self.abandon()
            if not kept:
                raise ProbeFailed(without_rows(error)) from error
            # The kept one may be from before a restart; that says nothing about now.
            await self.ask(server, seconds)

    def abandon(self) -> None:
        """Close the connection, without waiting for anything."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.pgconn.finish()

    async def _ask(self, server: Server, seconds: float) -> None:
        connection = self._connection
        if connection is None:
            # Around connecting asyncio's own time-out works. Around a statement it would first
            # cancel that, and wait for the server to say so.
            async with asyncio.timeout(seconds):
                connection = await _Impatient.connect(
                    **server.pooled.parameters(server.web),
                    application_name="atoll probe",
                    autocommit=True,
                    prepare_threshold=None,
                )
            self._connection = connection
        connection.ends = monotonic() + seconds
        await connection.execute(STILL_THERE)


class _NoAnswer(psycopg.OperationalError):
    """The time is up; the connection is closed."""


class _Impatient(psycopg.AsyncConnection[Any]):
    ends = float("inf")

    async def wait(self, gen: Generator[Any, Any, RV], *args: Any, **kwargs: Any) -> RV:
        try:
            return await super().wait(self._limited(gen), interval=LOOK_S)
        except _NoAnswer:
            self.pgconn.finish()
            raise

    def _limited(self, gen: Generator[Any, Any, RV]) -> Generator[Any, Any, RV]:
        ready = None
        try:
            while True:
                # What has arrived is taken first.
                state = gen.send(ready)
                if monotonic() >= self.ends:
                    raise _NoAnswer
                ready = yield state
        except StopIteration as stop:
            result: RV = stop.value
            return result
