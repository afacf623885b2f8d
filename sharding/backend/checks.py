"""System checks of the backend. Those of the registry stand in sharding.placements."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.db import connections
from psycopg_pool import ConnectionPool

from sharding.backend import checks_of_databases, checks_of_pools
from sharding.backend.handler import ScopeHandler
from sharding.pools.budgeted import too_many_shards_here
from sharding.pools.conf import pool_settings
from sharding.pools.options import POOL_OPTIONS
from sharding.registry import current as registry
from sharding.registry.errors import RegistryError
from sharding.typed_settings import mistakes_of

# What the pool only finds out when it first waits.
_POOL_TIMES = frozenset({"timeout", "max_lifetime", "max_idle", "reconnect_timeout"})


def register() -> None:
    """Tell Django of them."""
    checks.register(check_installed)
    checks.register(check_shards_per_process)
    checks.register(check_pool)
    checks_of_pools.register()
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
    """One process can serve all shards that it is to serve."""
    if mistakes_of(pool_settings):
        return []  # sharding.E020 says what is wrong
    try:
        too_many = too_many_shards_here(registry.registry())
    except RegistryError:
        return []  # sharding.E003 says what is wrong
    if too_many is None:
        return []
    return [
        checks.Error(
            str(too_many),
            hint="gunicorn and uvicorn do not start like this: docs/how-to/limits.md.",
            id="sharding.E025",
        )
    ]


def check_pool(**kwargs: Any) -> list[checks.CheckMessage]:
    """ATOLL_POOL is what psycopg-pool takes."""
    pool = getattr(settings, "ATOLL_POOL", None)
    if pool is None:
        return []
    try:
        # It connects to nothing before it is opened.
        ConnectionPool("", open=False, **{**POOL_OPTIONS, **pool})
        for name in _POOL_TIMES & pool.keys():
            float(pool[name])
    except (TypeError, ValueError) as error:
        return [
            checks.Error(
                f"ATOLL_POOL is {pool!r}: {error}.",
                hint='Options of psycopg_pool.ConnectionPool, such as {"max_size": 8}, or None for '
                "no pool.",
                id="sharding.E019",
            )
        ]
    return []
