"""Asks one server whether it is there, within a time, on a connection of its own."""

import asyncio
from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeVar

import psycopg

from sharding.pools.breaking.door import lets_others_be
from sharding.pools.breaking.patience import LOOK_S, done_within
from sharding.pools.outages import without_rows
from sharding.registry.types import Endpoint, Server

RV = TypeVar("RV")

STILL_THERE: Final = "SELECT 1"
_REASON_MOST: Final = 300


class Verdict(StrEnum):
    """What an answer says of a server."""

    WELL = "well"
    """It has answered."""

    CROWDED = "crowded"
    """It is there, and refuses whoever comes: no connection is left, or the login is none. Those
    who are connected are served."""

    QUEUED = "queued"
    """It is there; the pooler before it let us in, and has our statement wait."""

    FAILED = "failed"
    """Whoever asks it waits in vain."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a probe.

    Attributes:
        reason: in a sentence's part; empty where all is well.
        late: the pooler has handed on a statement that was queued before.
    """

    verdict: Verdict
    reason: str = ""
    late: bool = False


class Probe:
    """Keeps a connection to one server, as web and the way that requests go."""

    def __init__(self) -> None:
        self._connection: _Impatient | None = None
        self._statement: asyncio.Task[Any] | None = None
        self._server: Server | None = None

    async def ask(self, server: Server, seconds: float) -> Answer:
        """What it answers; connecting may take so many seconds, and the answer as many again."""
        if self._server is not server:
            self.abandon()
            self._server = server
        if server.pooled == server.direct:
            return await self._ask_itself(server, seconds)
        return await self._ask_behind_its_pooler(server, seconds)

    def abandon(self) -> None:
        """Close the connection, without waiting for anything."""
        connection, self._connection = self._connection, None
        statement, self._statement = self._statement, None
        if connection is None:
            return
        if statement is None or statement.done():
            connection.pgconn.finish()
        else:
            # It is being waited for, and ends itself at its next look.
            connection.is_given_up = True

    async def leave(self) -> None:
        """Abandon it, and see its statement end: at its next look, a moment later."""
        statement = self._statement
        self.abandon()
        if statement is not None:
            await asyncio.wait({statement})

    async def _ask_itself(self, server: Server, seconds: float) -> Answer:
        kept = self._connection is not None
        try:
            if not kept:
                await self._connect(server, seconds)
            if await self._asked(seconds):
                return Answer(Verdict.WELL)
        except TimeoutError:
            pass
        except (psycopg.Error, OSError) as error:
            self.abandon()
            if kept:
                # It may be from before a restart; that says nothing about now.
                return await self._ask_itself(server, seconds)
            reason = _cut(without_rows(error))
            there = await _is_there(server.pooled, server, seconds)
            return Answer(Verdict.CROWDED if there else Verdict.FAILED, reason)
        self.abandon()
        return Answer(Verdict.FAILED, f"no answer to a probe within {seconds:g} s")

    async def _ask_behind_its_pooler(self, server: Server, seconds: float) -> Answer:
        """A pooler's pool may be full of others' statements: so the server is asked beside it."""
        # Both at once, or a server that is down would be found out later than without a pooler.
        looking = asyncio.create_task(_is_there(server.direct, server, seconds))
        try:
            answer = await self._ask_pooler(server, seconds, looking)
        finally:
            looking.cancel()
        if answer.verdict is Verdict.FAILED:
            self.abandon()
        return answer

    async def _ask_pooler(
        self, server: Server, seconds: float, looking: asyncio.Task[bool]
    ) -> Answer:
        late = self._statement is not None
        kept = self._connection is not None
        try:
            if not kept:
                await self._connect(server, seconds)
            if await self._asked(seconds):
                return Answer(Verdict.QUEUED, "the pooler was late", True) if late else _WELL
            reason = f"no answer to a probe within {seconds:g} s"
        except TimeoutError:
            reason = f"no answer from the pooler within {seconds:g} s"
            return Answer(await self._let_nobody_in(server, seconds, looking), reason)
        except (psycopg.Error, OSError) as error:
            reason = _cut(without_rows(error))
            if self._connection is None:
                return Answer(await self._let_nobody_in(server, seconds, looking), reason)
            self.abandon()
            if kept and not late:
                return await self._ask_pooler(server, seconds, looking)
        return Answer(Verdict.QUEUED if await looking else Verdict.FAILED, reason)

    async def _let_nobody_in(
        self, server: Server, seconds: float, looking: asyncio.Task[bool]
    ) -> Verdict:
        """For a pooler that is full, or has no connection yet to learn a new client's greeting."""
        there = await looking and await _is_there(server.pooled, server, seconds)
        return Verdict.QUEUED if there else Verdict.FAILED

    async def _connect(self, server: Server, seconds: float) -> None:
        """Raises TimeoutError, psycopg.Error and OSError."""
        connecting = asyncio.create_task(
            _Impatient.connect(
                **server.pooled.parameters(server.web),
                application_name="atoll probe",
                autocommit=True,
                prepare_threshold=None,
            )
        )
        self._connection = await _or_cancel(seconds, connecting)

    async def _asked(self, seconds: float) -> bool:
        """Whether the statement, this one or the one that waits, was answered in time.

        Raises psycopg.Error.
        """
        assert self._connection is not None
        if self._statement is None:
            self._statement = asyncio.create_task(_say(self._connection))
            self._statement.add_done_callback(_take_note)
        if not await done_within(seconds, self._statement):
            return False
        statement, self._statement = self._statement, None
        statement.result()
        return True


_WELL: Final = Answer(Verdict.WELL)


class _NoAnswer(psycopg.OperationalError):
    """Nobody waits for it any more; the connection is closed."""


class _Impatient(psycopg.AsyncConnection[Any]):
    is_given_up = False

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
                if self.is_given_up:
                    raise _NoAnswer
                ready = yield state
        except StopIteration as stop:
            result: RV = stop.value
            return result


async def _say(connection: _Impatient) -> None:
    # Cancelled, it would first cancel the statement, and wait for the server to say so.
    await connection.execute(STILL_THERE)


def _take_note(statement: asyncio.Task[Any]) -> None:
    """Look at what a statement that was given up came to; asyncio complains otherwise."""
    if not statement.cancelled():
        statement.exception()


async def _is_there(endpoint: Endpoint, server: Server, seconds: float) -> bool:
    try:
        return await _or_cancel(
            seconds, asyncio.create_task(lets_others_be(endpoint, server.web.user))
        )
    except TimeoutError:
        return False


async def _or_cancel(seconds: float, work: asyncio.Task[RV]) -> RV:
    """What `work` comes to; cancelled where that takes longer, or nobody waits for it any more.

    Raises:
        TimeoutError: it took longer.
    """
    try:
        if await done_within(seconds, work):
            return work.result()
    finally:
        work.cancel()
    raise TimeoutError


def _cut(reason: str) -> str:
    return reason[:_REASON_MOST]
