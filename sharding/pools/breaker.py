"""Whether a server is known to be away: asked before waiting, told of what looks like it."""

from typing import Protocol


class Breaker(Protocol):
    """What a connection asks and tells about its server. Neither may block."""

    @property
    def away(self) -> bool:
        """True: do not connect, and stop waiting."""

    def suspect(self) -> None:
        """Something looked as if the server were away; have it looked at."""


class AlwaysClosed:
    """Lets everything through: only the deadline ends a wait."""

    away = False

    def suspect(self) -> None:
        """Takes no notice."""


_closed = AlwaysClosed()
_breakers: dict[str, Breaker] = {}


def breaker_for(name: str) -> Breaker:
    """The breaker of server `name` in this process."""
    return _breakers.get(name, _closed)


def breakers_away() -> dict[str, bool]:
    """For each server that has a breaker in this process, whether it is known to be away."""
    # A copy: other threads install.
    return {name: breaker.away for name, breaker in tuple(_breakers.items())}


def install_breaker(name: str, breaker: Breaker | None) -> None:
    """Use `breaker` for server `name` in this process from now on; None: the one never open."""
    if breaker is None:
        _breakers.pop(name, None)
    else:
        _breakers[name] = breaker
