"""Names of test databases: never a real one's."""

from collections.abc import Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from sharding.registry.types import Registry, Server
from tenants.testing.errors import UnsafeName

PREFIX: Final = "test_"
"""Django's own."""

TEMPLATE: Final = "template"
_LONGEST: Final = 63


def for_tests(real: Registry, suffix: str) -> Registry:
    """The same servers with test databases in the place of the real ones, and no pooler between.

    suffix: `template`, or a worker's name; empty for the only one.

    Raises:
        UnsafeName: such a name is a real database's, or too long.
    """
    taken = {server.direct.dbname.lower() for server in servers_of(real)}

    def renamed(server: Server) -> Server:
        name = PREFIX + "_".join(filter(None, (server.direct.dbname, suffix)))
        if name.lower() in taken:
            raise UnsafeName(name, "the registry names it as a real one")
        if len(name.encode()) > _LONGEST:
            raise UnsafeName(name, f"it is longer than {_LONGEST} bytes")
        direct = replace(server.direct, dbname=name)
        return replace(server, direct=direct, pooled=direct)

    return replace(
        real,
        control=real.control and renamed(real.control),
        shards=MappingProxyType({name: renamed(one) for name, one in real.shards.items()}),
    )


def servers_of(registry: Registry) -> Iterator[Server]:
    """Control first, then the shards."""
    if registry.control is not None:
        yield registry.control
    yield from registry.shards.values()
