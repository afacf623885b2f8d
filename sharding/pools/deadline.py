"""Connections whose every wait ends.

No setting of libpq, server or pooler ends the wait for a stopped server: a kept connection hangs
for ever, health checks included. A wait that lasts looks at the clock and at the breaker whenever
psycopg resumes the generator that it waits for, which is every 0.02 s. One that ends soon, as
nearly all do, is psycopg's own and pays nothing for it.

Source: docs/adr/0005; psycopg's `Connection.wait`.
"""

import inspect
import threading
from collections.abc import Generator
from contextvars import ContextVar
from enum import StrEnum
from functools import cache
from time import monotonic
from typing import Any, ClassVar, Final, Self, TypeVar

import psycopg
from psycopg import errors
from psycopg.pq import TransactionStatus

from sharding.pools.breaker import BreakerState, breaker_for
from sharding.pools.catalogue import SchemasMet
from sharding.pools.connecting import note_connected, note_refusal
from sharding.pools.errors import ShardAway
from sharding.pools.meters import Meter, meter_for
from sharding.pools.outages import looks_away, without_rows
from sharding.scope.latch import current_latch, note_commit

RV = TypeVar("RV")
Waiting = Generator[Any, Any, RV]

WEB_STATEMENT_TIMEOUT: Final = "3s"
"""statement_timeout of the login web, kept by each server in pg_db_role_setting."""
STATEMENT_CAP_S: Final = 3.5
"""Longer than WEB_STATEMENT_TIMEOUT: a heavy statement gets the server's own answer (57014), and
only a dead server meets this."""
GRACE_S: Final = 1.0
"""What a statement gets when the request's time is up: enough for a ROLLBACK."""
SUSPICIOUS_S: Final = 0.2
"""Silence after which the breaker is told."""
SUSPICIOUS_AGAIN_S: Final = 1.0
"""And told again: the server may have stopped after it was asked."""
CANCEL_S: Final = 1.0
LOOK_S: Final = 0.02
"""How often a wait looks at the breaker, that may have opened, and at the clock: more often than
psycopg does, so that those who wait are free sooner. A probe ends a moment after one of the looks
that began with its suspicion, so that nearly all of this was waited by everybody. Only what lasts
longer than SUSPICIOUS_S looks at all."""

KNOWN_AWAY: Final = "is known to be away"
SESSION_ENDED: Final = "the server has ended this session"

request_ends: ContextVar[float] = ContextVar("atoll_request_ends", default=float("inf"))
"""The monotonic instant at which the running request has no more time."""


_ENDS_BY_ITSELF: Final = "timeout" in inspect.signature(psycopg.Connection.wait).parameters
"""Whether psycopg's own wait can end, and leave the generator to be waited for further: from 3.3.
Before, each wait is watched from its beginning."""
_WaitTimeout: Final = getattr(errors, "_WaitTimeout", errors.Error)
_NOTHING_CAME: Final = 0
"""What psycopg tells a generator whose wait timed out (`psycopg.generators`, READY_NONE)."""

_met_away = threading.local()
FRESH_S: Final = 0.5
"""How long a thread that has just given up on a server does not connect to it again."""


def met_away_just_now(name: str) -> bool:
    """Whether this thread gave up on server `name` a moment ago."""
    met: dict[str, float] = _met_away.__dict__
    return bool(met) and monotonic() - met.get(name, float("-inf")) < FRESH_S


class Heeds(StrEnum):
    """What of a breaker a connection gives up for."""

    AWAY = "away"
    """Open or held: whoever serves."""

    OPEN = "open"
    """It does not answer. A hold is not meant for the owner's work: it makes room for that."""

    NOTHING = "nothing"
    """The breaker is about another address or login, which need not work yet."""


class _Limits:
    """What the connection classes have in common."""

    server_name: ClassVar[str] = "?"
    heeds: ClassVar[Heeds] = Heeds.AWAY

    @classmethod
    def is_refused(cls) -> bool:
        """Whether nobody may connect now, nor go on waiting."""
        breaker = breaker_for(cls.server_name)
        if not breaker.away or cls.heeds is Heeds.NOTHING:
            return False
        return cls.heeds is Heeds.AWAY or breaker.look().state is BreakerState.OPEN

    @classmethod
    def suspect(cls, what: str, error: psycopg.Error) -> None:
        """Tell the breaker, if the error looks as if the server were away."""
        if looks_away(error):
            breaker_for(cls.server_name).suspect(f"{what}: {without_rows(error)}")


def _limited(
    gen: Waiting[RV], state: Any, who: type[_Limits], *, cap: float, since: float
) -> Waiting[RV]:
    """Go on with `gen`, which waits for `state` and has been at it since the instant `since`."""
    name = who.server_name
    now = monotonic()
    ends = min(since + cap, max(request_ends.get(), since + GRACE_S))
    suspect_at = since + SUSPICIOUS_S
    try:
        while True:
            if now >= suspect_at:
                suspect_at = now + SUSPICIOUS_AGAIN_S
                breaker_for(name).suspect(f"no answer for {now - since:.2f} s")
            if now >= ends:
                raise ShardAway(name)
            if who.is_refused():
                raise ShardAway(name, KNOWN_AWAY)
            ready = yield state
            # What has arrived is taken first: an answer that is here is not refused.
            state = gen.send(ready)
            now = monotonic()
    except StopIteration as stop:
        result: RV = stop.value
        return result


def _connecting(gen: Waiting[RV], who: type[_Limits]) -> Waiting[RV]:
    """Go on with `gen`, which connects."""
    try:
        state = gen.send(None)
    except StopIteration as stop:
        done: RV = stop.value
        return done
    try:
        return (yield from _limited(gen, state, who, cap=STATEMENT_CAP_S, since=monotonic()))
    except ShardAway as away:
        # psycopg makes a new error of its kind where several hosts were tried.
        raise errors.ConnectionTimeout(str(away)) from away


class Deadlined(_Limits, psycopg.Connection[Any]):
    """A connection that gives up.

    After it gave up it is closed: whatever it was doing, the pool throws it away.

    Attributes:
        cap: seconds for one wait; session-bound work sets a long one.
        server_name: for the breaker and messages.
        meter: what was waited for this server.
        begin_rides: True while a cursor sends BEGIN within its own message, so that psycopg does
            not send it first. See `sharding.backend.cursor`.
        schemas: those that it has met; None: nobody counts them.
        wrote: True from a statement that may write until its transaction has ended.
    """

    meter: ClassVar[Meter] = meter_for("?")
    cap: float = STATEMENT_CAP_S
    begin_rides: bool = False
    schemas: SchemasMet | None = None
    wrote: bool = False

    @classmethod
    def connect(cls, *args: Any, **kwargs: Any) -> Self:
        """Connect; what fails is told to the breaker, be it a pool's attempt or a request's.

        Raises:
            ShardAway: the breaker is open, or opened meanwhile.
        """
        try:
            made = super().connect(*args, **kwargs)
        except psycopg.OperationalError as error:
            # For those who only wait for a pool.
            note_refusal(cls.server_name, error)
            cls.suspect("connecting failed", error)
            if cls.is_refused():
                raise ShardAway(cls.server_name, KNOWN_AWAY) from error
            raise
        note_connected(cls.server_name)
        return made

    @classmethod
    def _connect_gen(cls, *args: Any, **kwargs: Any) -> Any:
        return _connecting(super()._connect_gen(*args, **kwargs), cls)

    def wait(self, gen: Waiting[RV], *args: Any, **kwargs: Any) -> RV:
        """Consume `gen`, within the deadline.

        Raises:
            ShardAway: no answer in time, or the breaker opened meanwhile. The connection is closed.
            OperationalError: it was lost.
        """
        began = monotonic()
        try:
            answer = self._wait_or_lose(gen, began, *args, **kwargs)
        except psycopg.OperationalError as error:
            self.meter.add_given_up(monotonic() - began)
            self.suspect("a statement failed", error)
            raise
        self.meter.add(monotonic() - began)
        return answer

    def _wait_or_lose(self, gen: Waiting[RV], began: float, *args: Any, **kwargs: Any) -> RV:
        if self.is_refused():
            # Before anything is sent: what is refused was not done, a COMMIT included.
            self._give_up()
            raise ShardAway(self.server_name, KNOWN_AWAY)
        try:
            if not _ENDS_BY_ITSELF or args or kwargs:
                return self._wait_watched(gen, None, began, *args, **kwargs)
            try:
                return super().wait(gen, timeout=min(SUSPICIOUS_S, self.cap))
            except _WaitTimeout:
                return self._wait_watched(gen, _NOTHING_CAME, began)
        except psycopg.InternalError as error:
            if self.closed:
                # It was idle in a transaction for too long (25P03), or an admin has ended it, and
                # its last words and the broken socket are two results where one was due.
                raise psycopg.OperationalError(SESSION_ENDED) from error
            raise

    def _wait_watched(
        self, gen: Waiting[RV], ready: int | None, since: float, *args: Any, **kwargs: Any
    ) -> RV:
        try:
            state = gen.send(ready)
        except StopIteration as stop:
            # Half of what psycopg waits for is there at once (set_autocommit sends nothing).
            done: RV = stop.value
            return done
        limited = _limited(gen, state, type(self), cap=self.cap, since=since)
        try:
            return super().wait(limited, *(args or (LOOK_S,)), **kwargs)
        except ShardAway:
            self._give_up()
            raise

    def _give_up(self) -> None:
        _met_away.__dict__[self.server_name] = monotonic()
        self.pgconn.finish()  # close() would wait; this does not

    def commit(self) -> None:
        """psycopg's; the latch learns that something was committed, or may have been."""
        wrote, self.wrote = self.wrote, False
        if self.pgconn.transaction_status == TransactionStatus.INERROR:
            wrote = False  # the server makes a rollback of it
        try:
            super().commit()
        except psycopg.Error as error:
            self.note(error)
            # An error that leaves the connection open is the server's word that it rolled back.
            if wrote and self.closed:
                note_commit()
            raise
        if wrote:
            note_commit()

    def rollback(self) -> None:
        """psycopg's; what was written is not any more."""
        self.wrote = False
        super().rollback()

    def note(self, error: psycopg.Error) -> None:
        """Let the latch know what a statement met."""
        latch = current_latch()
        if latch is not None:
            latch.note(error.sqlstate)
        if self.wrote and self.autocommit:
            if self.closed:
                # It was its own transaction, and nobody knows how that ended.
                note_commit()
            self.wrote = False

    def settle(self) -> None:
        """After a statement that may have written: outside of a transaction it is committed."""
        if self.wrote and self.pgconn.transaction_status == TransactionStatus.IDLE:
            self.wrote = False
            note_commit()

    def cancel(self) -> None:
        """Ask the server to end the running statement, within a bound.

        libpq's older call blocks while it holds the interpreter's lock: the whole process would
        stop with the server. Where it is the only one (libpq before 17), nothing is asked, and
        the deadline ends the wait.
        """
        if not psycopg.capabilities.has_cancel_safe():
            return
        try:
            self.cancel_safe(timeout=CANCEL_S)
        except errors.CancellationTimeout:
            breaker_for(self.server_name).suspect("no answer to a cancellation")

    def _start_query(self) -> Waiting[None]:
        if not self.begin_rides:
            yield from super()._start_query()


class AsyncDeadlined(_Limits, psycopg.AsyncConnection[Any]):
    """The same for asyncio, where cancelling a task first cancels its query, and so hangs."""

    cap: float = STATEMENT_CAP_S

    @classmethod
    async def connect(cls, *args: Any, **kwargs: Any) -> Self:
        """As Deadlined's."""
        try:
            return await super().connect(*args, **kwargs)
        except psycopg.OperationalError as error:
            cls.suspect("connecting failed", error)
            if cls.is_refused():
                raise ShardAway(cls.server_name, KNOWN_AWAY) from error
            raise

    @classmethod
    def _connect_gen(cls, *args: Any, **kwargs: Any) -> Any:
        return _connecting(super()._connect_gen(*args, **kwargs), cls)

    async def wait(self, gen: Waiting[RV], *args: Any, **kwargs: Any) -> RV:
        """Consume `gen`, within the deadline.

        Raises:
            ShardAway: no answer in time, or the breaker opened meanwhile. The connection is closed.
        """
        if self.is_refused():
            self.pgconn.finish()
            raise ShardAway(self.server_name, KNOWN_AWAY)
        try:
            state = gen.send(None)
        except StopIteration as stop:
            done: RV = stop.value
            return done
        limited = _limited(gen, state, type(self), cap=self.cap, since=monotonic())
        try:
            return await super().wait(limited, *(args or (LOOK_S,)), **kwargs)
        except ShardAway:
            self.pgconn.finish()
            raise
        except psycopg.OperationalError as error:
            self.suspect("a statement failed", error)
            raise
        except psycopg.InternalError as error:
            if not self.closed:
                raise
            ended = psycopg.OperationalError(SESSION_ENDED)
            self.suspect("a statement failed", ended)
            raise ended from error


def deadlined_for(name: str, heeds: Heeds = Heeds.AWAY) -> type[Deadlined]:
    """The connection class of server `name`; a pool makes connections from a class."""
    return _deadlined(name, heeds)


@cache
def _deadlined(name: str, heeds: Heeds) -> type[Deadlined]:
    own = {
        "server_name": name,
        "heeds": heeds,
        "meter": meter_for(name),
        "__module__": __name__,
    }
    return type("Deadlined", (Deadlined,), own)


@cache
def async_deadlined_for(name: str) -> type[AsyncDeadlined]:
    """The asyncio connection class of server `name`."""
    return type("AsyncDeadlined", (AsyncDeadlined,), {"server_name": name, "__module__": __name__})
