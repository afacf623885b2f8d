"""The registry's entries for the stack's servers: pure functions over it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from devstack.errors import UnknownServer
from sharding.registry.types import Endpoint, Registry
from sharding.registry.types import Server as Address

CONTROL: Final = "control"


def database_of(server: str) -> str:
    """The name of the one database that we use on that server."""
    return "control" if server == CONTROL else "shard"


def address_of(registry: Registry, name: str) -> Address:
    """The registry's entry of a server, `control` or a shard.

    Raises:
        UnknownServer: there is none of that name.
    """
    address = registry.control if name == CONTROL else registry.shards.get(name)
    if address is None:
        raise UnknownServer(name, (CONTROL, *registry.shards))
    return address


def without_pooler(registry: Registry) -> Registry:
    """The same servers with no pooler in between."""
    return _each(registry, lambda address: replace(address, pooled=address.direct))


def through_pooler(registry: Registry, *, port: int) -> Registry:
    """The same servers, each behind the PgBouncer of this machine at `port`."""

    def pooled(address: Address) -> Address:
        return replace(address, pooled=Endpoint("127.0.0.1", port, address.name))

    return _each(registry, pooled)


def _each(registry: Registry, change: Callable[[Address], Address]) -> Registry:
    return replace(
        registry,
        control=registry.control and change(registry.control),
        shards=MappingProxyType({name: change(each) for name, each in registry.shards.items()}),
    )


def with_servers(registry: Registry, servers: Mapping[str, Address]) -> Registry:
    """`registry` with these entries; shards that somebody added stay, incarnations too."""

    def keep_incarnation(address: Address, before: Address | None) -> Address:
        return replace(address, incarnation=before.incarnation) if before else address

    ours = {
        name: keep_incarnation(address, registry.shards.get(name))
        for name, address in servers.items()
        if name != CONTROL
    }
    return replace(
        registry,
        control=keep_incarnation(servers[CONTROL], registry.control),
        shards=MappingProxyType({**registry.shards, **ours}),
    )
