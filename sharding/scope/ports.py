"""What the scope needs from layers above it; they register it at start-up."""

from collections.abc import Callable, Mapping
from typing import Protocol

from sharding.scope.errors import UnknownTenant
from sharding.scope.types import Placement

Depths = Mapping[str, tuple[int, int]]
"""Alias → (identity of the connection, number of open atomic blocks), open blocks only."""


class ConnectionsProbe(Protocol):
    """What `enter` asks and tells the connections of this thread."""

    def depths(self) -> Depths:
        """The open atomic blocks of this thread's connections; empty in the common case."""

    def abandon(self, alias: str) -> None:
        """Close the connection of `alias` for real: what is open on it is rolled back."""

    def swap_out(self, alias: str) -> object:
        """Put this thread's connection of `alias` aside, so that the next use makes a new one."""

    def swap_in(self, alias: str, kept: object) -> None:
        """Close the connection made since and put the one set aside back."""


class NoConnections:
    """Stands in until the backend registers: there are no connections, so nothing is open."""

    def depths(self) -> Depths:
        return {}

    def abandon(self, alias: str) -> None:
        pass

    def swap_out(self, alias: str) -> object:
        return None

    def swap_in(self, alias: str, kept: object) -> None:
        pass


def _no_tenants(name: str) -> Placement:
    raise UnknownTenant(name)


connections_probe: ConnectionsProbe = NoConnections()
resolver: Callable[[str], Placement] = _no_tenants
before_switch_hooks: list[Callable[[], None]] = []


def register_connections_probe(probe: ConnectionsProbe) -> None:
    """`sharding.backend` says here which transactions are open."""
    global connections_probe
    connections_probe = probe


def register_resolver(resolve: Callable[[str], Placement]) -> None:
    """`tenants` says here which placement a tenant id or schema name has.

    `resolve` raises UnknownTenant when there is none.
    """
    global resolver
    resolver = resolve


def before_switch(hook: Callable[[], None]) -> Callable[[], None]:
    """Run `hook` in the old scope whenever another one is entered from it.

    What is lazy and bound to the old scope (the request's user, its session) is realised there.
    """
    before_switch_hooks.append(hook)
    return hook


def resolve(name: str) -> Placement:
    """The placement of the tenant with this id or schema name.

    Raises:
        UnknownTenant: there is none.
    """
    return resolver(name)
