"""System checks of the backend. Those of the registry stand in sharding.placements."""

from typing import Any

from django.core import checks
from django.db import connections

from sharding.backend import checks_of_databases
from sharding.backend.handler import SHARDS_PER_PROCESS, ScopeHandler
from sharding.registry import current as registry
from sharding.registry.errors import RegistryError


def register() -> None:
    """Tell Django of them."""
    checks.register(check_installed)
    checks.register(check_shards_per_process)
    checks_of_databases.register()


def check_installed(**kwargs: Any) -> list[checks.CheckMessage]:
    """`default` follows the scope."""
    if isinstance(connections, ScopeHandler):
        return []
    return [
        checks.Error(
            "django.db.connections does not follow the scope: `default` is one database for all.",
            hint="Call sharding.backend.install.install() in the settings module.",
            id="sharding.E011",
        )
    ]


def check_shards_per_process(**kwargs: Any) -> list[checks.CheckMessage]:
    """One process can serve all shards."""
    try:
        count = len(registry.registry().shards)
    except RegistryError:
        return []  # sharding.E003 says what is wrong
    if count <= SHARDS_PER_PROCESS:
        return []
    return [
        checks.Warning(
            f"{count} shards are registered; one process connects to at most {SHARDS_PER_PROCESS}.",
            hint="Serve each group of shards by processes with a registry of their own.",
            id="sharding.W011",
        )
    ]
