"""Change one server's entry in the registry file, while others may change other entries."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from sharding.registry import current as addresses
from sharding.registry.toml_file import read_registry, write_registry
from sharding.registry.types import Registry, Server


def register_server(path: Path, server: Server) -> int:
    """Put a shard into the file, as one more version of it, and use that from now on.

    Returns:
        The version of the file.
    """
    with _alone(path):
        registry = read_file(path)
        if registry.shards.get(server.name) != server:
            shards = MappingProxyType({**registry.shards, server.name: server})
            registry = replace(registry, version=registry.version + 1, shards=shards)
            write_registry(path, registry)
    addresses.install(registry)
    return registry.version


def unregister_server(path: Path, name: str) -> int:
    """Take a shard out of the file, as one more version of it, and use that from now on.

    Returns:
        The version of the file.
    """
    with _alone(path):
        registry = read_file(path)
        if name in registry.shards:
            shards = {other: each for other, each in registry.shards.items() if other != name}
            registry = replace(
                registry, version=registry.version + 1, shards=MappingProxyType(shards)
            )
            write_registry(path, registry)
    addresses.install(registry)
    return registry.version


def read_file(path: Path) -> Registry:
    """What the file holds; empty when there is none yet."""
    try:
        return read_registry(path)
    except FileNotFoundError:
        return Registry()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two who change entries at once would else write each other's away."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
