"""Whether a server is known to be away: asked before waiting, told of what looks like it.

A breaker belongs to a server and a process. Whoever waits too long suspects; a probe beside them
finds out; from then on nobody waits, until the server has answered two probes
(`sharding/pools/breaking`). It is not shared between processes: what would share it may be away.

Its numbers: how long one waits before suspecting, `deadline.SUSPICIOUS_S`; how long a probe may
take, ATOLL_PROBE_SECONDS (`breaking.probe_times`); pauses between probes,
`breaking.watcher.PAUSE_S`; how many answers close it, `breaking.states.GOOD_PROBES_TO_CLOSE`. Only
the second can differ by server.
"""

import atexit
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from django.conf import settings

from sharding.pools.breaking.states import BreakerEvent, BreakerState, Standing, after
from sharding.pools.breaking.watcher import Watcher
from sharding.pools.conf import pool_settings
from sharding.registry import current as registry
from sharding.registry.types import Server

__all__ = [
    "AlwaysClosed",
    "Breaker",
    "BreakerLook",
    "BreakerState",
    "Hold",
    "breaker_for",
    "breaker_looks",
    "hold_breakers",
    "install_breaker",
    "when_away",
]

log = logging.getLogger(__name__)

_CONTROL: Final = "control"

Listener = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class BreakerLook:
    """What a breaker shows to whoever watches.

    Attributes:
        reason: why it was suspected, opened or held the last time; empty if it never was.
        since: when it came into this state.
        opened: how often it has opened in this process.
    """

    state: BreakerState
    reason: str
    since: datetime
    opened: int = 0

    def to_json(self) -> dict[str, object]:
        """Plain values, for a process's row."""
        return {
            "state": str(self.state),
            "reason": self.reason,
            "since": self.since.isoformat(),
            "opened": self.opened,
        }


@dataclass(frozen=True, slots=True)
class Hold:
    """That an operator keeps a server's breakers open."""

    reason: str
    since: datetime


class Breaker(Protocol):
    """What a connection asks and tells about its server. Nothing of it may block."""

    @property
    def away(self) -> bool:
        """True: do not connect, and stop waiting."""

    def suspect(self, reason: str = "") -> None:
        """Something looked as if the server were away; have it looked at."""

    def look(self) -> BreakerLook:
        """As it is now."""


class AlwaysClosed:
    """Lets everything through: only the deadline ends a wait."""

    away = False

    def __init__(self) -> None:
        self._since = datetime.now(UTC)

    def suspect(self, reason: str = "") -> None:
        """Takes no notice."""

    def look(self) -> BreakerLook:
        """Closed, since this process began."""
        return BreakerLook(BreakerState.CLOSED, "", self._since)


class ServerBreaker:
    """The breaker of one server in this process; many threads ask and tell it.

    Attributes:
        away: kept beside the standing, since every statement asks.
        probe_seconds: how long the server may take to answer a probe.
    """

    def __init__(
        self, name: str, *, probe_seconds: float, watch: Callable[["ServerBreaker"], None]
    ) -> None:
        """watch: has the server asked; must not block."""
        self.name = name
        self.probe_seconds = probe_seconds
        self.away = False
        self.standing = Standing(BreakerState.CLOSED, datetime.now(UTC))
        self._opened = 0
        self._watch = watch
        self._advancing = threading.Lock()

    def suspect(self, reason: str = "") -> None:
        """Have the server asked, unless it is already, or known to be away."""
        if self.standing.state is BreakerState.CLOSED:
            self.tell(BreakerEvent.SUSPECTED, reason)

    def hold(self, hold: Hold) -> None:
        """Stay open until released, whatever the server does."""
        self._advance(BreakerEvent.HELD, hold.reason, hold.since)

    def release(self) -> None:
        """Ask the server, and close when it answers; nothing where it was not held."""
        self.tell(BreakerEvent.RELEASED)

    def tell(self, event: BreakerEvent, reason: str = "") -> None:
        """Take in what happened, now."""
        self._advance(event, reason, datetime.now(UTC))

    def look(self) -> BreakerLook:
        """As it is now."""
        now = self.standing
        return BreakerLook(now.state, now.reason, now.since, self._opened)

    def _advance(self, event: BreakerEvent, reason: str, at: datetime) -> None:
        with self._advancing:
            before = self.standing
            now = after(before, event, now=at, reason=reason)
            self.standing = now
            self.away = now.is_away
            if now.is_away and not before.is_away:
                self._opened += 1
        if now.state is not before.state:
            _log_change(self.name, before, now)
            if now.is_to_be_asked and not before.is_to_be_asked:
                self._watch(self)
            if now.is_away and not before.is_away:
                for listener in _listeners:
                    listener(self.name)


def breaker_for(name: str) -> Breaker:
    """The breaker of server `name` in this process; one that never opens where there is none."""
    breaker = _breakers.get(name)
    return breaker if breaker is not None else _make(name)


def breaker_looks() -> dict[str, BreakerLook]:
    """Every breaker of this process, by server; those that nobody has asked yet are not there."""
    # A copy: other threads install.
    return {name: breaker.look() for name, breaker in tuple(_breakers.items())}


def hold_breakers(holds: Mapping[str, Hold]) -> None:
    """Hold the breakers of these shards, and release those of all others."""
    for name in registry.registry().shards:
        breaker = breaker_for(name)
        if not isinstance(breaker, ServerBreaker):
            continue
        if name in holds:
            breaker.hold(holds[name])
        elif breaker.standing.state is BreakerState.HELD:
            breaker.release()


def install_breaker(name: str, breaker: Breaker | None) -> None:
    """Use `breaker` for server `name` in this process from now on; None: make one when needed."""
    if breaker is None:
        _breakers.pop(name, None)
    else:
        _breakers[name] = breaker


def when_away(listener: Listener) -> Listener:
    """Have `listener` called with a server's name when its breaker opens; it must not wait."""
    _listeners.append(listener)
    return listener


def forget_breakers(*, keep_held: bool = False) -> Watcher:
    """Begin without any, and return who watched, which must be kept from being collected.

    For a forked child: the thread is the parent's, and so are the sockets. `keep_held`: what was
    held stays so, until the child asks control itself.
    """
    global _watcher, _making
    held = {
        name: look
        for name, look in breaker_looks().items()
        if keep_held and look.state is BreakerState.HELD
    }
    inherited, _watcher = _watcher, Watcher(_find)
    # Another thread of the parent may have held it.
    _making = threading.Lock()
    _breakers.clear()
    for name, look in held.items():
        breaker = _make(name)
        if isinstance(breaker, ServerBreaker):
            breaker.hold(Hold(look.reason, look.since))
    return inherited


def _make(name: str) -> Breaker:
    if not settings.configured:
        return _closed  # a script that prepares a server, without a project
    # Asked for each statement where breakers are off, and else once.
    if not getattr(settings, "ATOLL_BREAKERS", True) or _find(name) is None:
        return _closed
    # An exact str: an alias that names a tenant would be kept for ever.
    name = str(name)
    made = ServerBreaker(name, probe_seconds=pool_settings().probes.seconds(name), watch=_watch)
    with _making:
        return _breakers.setdefault(name, made)


def _find(name: str) -> Server | None:
    known = registry.registry()
    return known.control if name == _CONTROL else known.shards.get(name)


def _watch(breaker: ServerBreaker) -> None:
    _watcher.watch(breaker)


def _log_change(name: str, before: Standing, now: Standing) -> None:
    if now.is_away:
        log.warning("%s: breaker %s, was %s: %s", name, now.state, before.state, now.reason)
    elif before.is_away:
        lasted = (now.since - before.since).total_seconds()
        log.warning("%s: breaker %s, after %.1f s %s", name, now.state, lasted, before.state)


_closed: Final = AlwaysClosed()
_listeners: Final[list[Listener]] = []
_breakers: Final[dict[str, Breaker]] = {}
_making = threading.Lock()
_watcher = Watcher(_find)


@atexit.register
def _stop() -> None:
    _watcher.stop()
