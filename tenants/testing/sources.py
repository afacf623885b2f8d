"""Which servers tests run against."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from psycopg.conninfo import make_conninfo

from sharding.registry import current
from sharding.registry.errors import RegistryError
from sharding.registry.toml_file import read_registry
from sharding.registry.types import Registry
from tenants.testing.errors import NoServers
from tenants.testing.naming import servers_of
from tenants.testing.types import Servers, ThrowAway

ADMIN_VARIABLE: Final = "ATOLL_TEST_ADMIN"


class Source:
    """The servers of one run, found when they are first needed.

    Attributes:
        throw_away: servers of this run's own; None when the registry's are used.
    """

    def __init__(self, find: Callable[[], Servers], throw_away: ThrowAway | None) -> None:
        self.find = find
        self.throw_away = throw_away


def choose(config: pytest.Config, folder: Path, registry_file: str) -> Source:
    """The registry's servers where one is named, else servers of our own."""
    if registry_file and not config.getoption("atoll_devstack"):
        return Source(lambda: _registered(registry_file), None)
    kept = bool(config.getoption("reuse_db", default=False))
    made: ThrowAway | None = config.hook.pytest_atoll_throw_away(folder=folder, kept=kept)
    if made is None:
        return Source(_nowhere, None)
    throw_away = made

    def start() -> Servers:
        servers = throw_away.start()
        if not hasattr(config, "workerinput"):
            throw_away.guard()
        return servers

    return Source(start, throw_away)


def close_registry() -> str:
    """Let nothing lead to the real databases from now on; the file that did is returned.

    Code that runs before test databases are there, or reads the registry again, finds none.
    """
    file = os.environ.pop(current.ENVIRONMENT_VARIABLE, "")
    current.install(Registry())
    return file


def folder_of(config: pytest.Config) -> Path:
    """Where servers of our own keep their files: kept beside pytest's cache, or temporary."""
    named: str = getattr(config, "workerinput", {}).get("atoll_folder", "")
    if named:
        return Path(named)
    cache = getattr(config, "cache", None)  # pytest goes without it by `-p no:cacheprovider`
    if config.getoption("reuse_db", default=False) and cache is not None:
        return Path(cache.mkdir("atoll"))
    return Path(tempfile.gettempdir(), f"atoll-kit-{os.getpid()}")


def _registered(file: str) -> Servers:
    try:
        registry = read_registry(Path(file))
    except (RegistryError, FileNotFoundError) as error:
        raise NoServers(f"The registry cannot be read: {error}") from error
    admin = os.environ.get(ADMIN_VARIABLE, "")
    if not admin:
        raise NoServers(
            f"ATOLL_REGISTRY={file} names servers, and nobody who may make databases there: "
            f"{ADMIN_VARIABLE} is not set."
        )
    known = {server.name: server for server in servers_of(registry)}

    def admin_conninfo(name: str, dbname: str) -> str:
        direct = known[name].direct
        return make_conninfo(admin, host=direct.host, port=direct.port, dbname=dbname)

    return Servers(registry, admin_conninfo)


def _nowhere() -> Servers:
    raise NoServers("There are no servers to test on.")
