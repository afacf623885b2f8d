"""The budget of these settings and this registry."""

from collections.abc import Mapping

from django.conf import settings

from sharding.pools.budget.planning import plan_pools
from sharding.pools.budget.types import (
    CONTROL,
    SHARDS_PER_PROCESS,
    Database,
    Limits,
    PoolPlan,
    Terms,
)
from sharding.pools.conf import PoolSettings, pool_settings
from sharding.pools.errors import GroupTooLarge
from sharding.registry.types import Registry, Server

_last: tuple[Registry, PoolSettings, PoolPlan] | None = None


def terms_of(
    configured: PoolSettings, known: Registry, limits: Mapping[str, Limits] | None = None
) -> Terms:
    """What the plan is made from. `limits`: by server, as asked; None: those of the settings."""
    servers = servers_of(known)
    if limits is None:
        limits = {
            address_of(servers[name]): limit
            for name, limit in configured.limits.items()
            if name in servers
        }
    return Terms(
        groups=configured.groups,
        databases=tuple(
            Database(name, address_of(server), server.pooled != server.direct)
            for name, server in servers.items()
        ),
        limits=limits,
        reserves=configured.reserves,
        poolers=configured.poolers,
    )


def servers_of(known: Registry) -> dict[str, Server]:
    """Control and the shards, by name."""
    control = {} if known.control is None else {CONTROL: known.control}
    return {**control, **known.shards}


def address_of(server: Server) -> str:
    """Which PostgreSQL server a database is on."""
    return f"{server.direct.host}:{server.direct.port}"


def size_here(known: Registry, database: str) -> int | None:
    """What this process's pool for `database` may open; None: ATOLL_PROCESS_GROUP is not set.

    Computed from the settings alone: a process that starts asks no server.
    """
    global _last
    if not getattr(settings, "ATOLL_PROCESS_GROUP", ""):
        return None
    configured = pool_settings()
    # Asked for each connection of each thread, and different only when the registry is.
    last = _last
    if last is None or last[0] is not known or last[1] != configured:
        last = _last = (known, configured, plan_pools(terms_of(configured, known)))
    return last[2].size(configured.group, database)


def too_many_shards_here(known: Registry) -> GroupTooLarge | None:
    """Why this process cannot serve its shards; None where they are not too many.

    A process that belongs to no group, such as a command's, is held against the largest group, and
    against all shards where there are no groups.
    """
    configured = pool_settings()
    groups = [g for g in configured.groups if configured.group in ("", g.name)]
    sizes = {group.name: sum(group.serves(name) for name in known.shards) for group in groups} or {
        "": len(known.shards)
    }
    name = max(sizes, key=lambda each: sizes[each])
    if sizes[name] <= SHARDS_PER_PROCESS:
        return None
    return GroupTooLarge(name, sizes[name], SHARDS_PER_PROCESS)


def refuse_too_many_shards(known: Registry) -> None:
    """To be called where processes begin that serve requests.

    Raises:
        GroupTooLarge: they would connect to more shards than one process may.
    """
    if error := too_many_shards_here(known):
        raise error
