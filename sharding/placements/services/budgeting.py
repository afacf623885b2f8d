"""The budget of connections, with what the servers themselves say of their limits."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

from sharding.placements.errors import NoProcessGroups
from sharding.pools.budget.planning import plan_pools
from sharding.pools.budget.types import Limits, PoolPlan
from sharding.pools.budgeted import address_of, servers_of, terms_of
from sharding.pools.conf import PoolSettings, pool_settings
from sharding.registry.current import registry
from sharding.registry.types import Registry, Server
from sharding.schemas.connections import BRIEF, own_connection
from sharding.schemas.errors import ServerUnreachable

_AT_ONCE: Final = 20
_LIMITS: Final = """
    SELECT
        current_setting('max_connections')::int,
        current_setting('superuser_reserved_connections')::int
            + coalesce(current_setting('reserved_connections', true), '0')::int
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """The plan, and what became of asking.

    Attributes:
        plan: with the limits that were found.
        asked: limits that servers said themselves, by server.
        problems: the plan's, and where settings and servers disagree; empty: it fits.
    """

    plan: PoolPlan
    asked: Mapping[str, Limits]
    problems: tuple[str, ...]


def make_budget(*, offline: bool = False) -> Budget:
    """What every pool may open. Asks each server for its limits, at once, unless `offline`.

    Raises:
        NoProcessGroups: nobody has said what processes there are.
        InvalidSettings: settings say what they cannot.
    """
    configured, known = pool_settings(), registry()
    if not configured.groups:
        raise NoProcessGroups
    by_settings = terms_of(configured, known)
    if offline:
        plan = plan_pools(by_settings)
        unknown = tuple(_not_told(plan))
        return Budget(plan, {}, (*plan.problems, *unknown))
    asked, silent = _ask_all(known)
    plan = plan_pools(replace(by_settings, limits={**by_settings.limits, **asked}))
    problems = (*silent, *plan.problems, *_disagreements(configured, known, plan, asked))
    return Budget(plan, asked, problems)


def _ask_all(known: Registry) -> tuple[dict[str, Limits], list[str]]:
    servers = {address_of(server): server for server in servers_of(known).values()}
    limits, silent = {}, []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for address, found in zip(servers, pool.map(_ask, servers.values()), strict=True):
            if isinstance(found, Limits):
                limits[address] = found
            else:
                silent.append(f"Nothing is known of server {address}: {found}")
    return limits, silent


def _ask(server: Server) -> Limits | str:
    try:
        with own_connection(server, BRIEF) as connection:
            row = connection.execute(_LIMITS).fetchone()
    except ServerUnreachable as error:
        return str(error)
    assert row is not None
    return Limits(*row)


def _not_told(plan: PoolPlan) -> Iterator[str]:
    for room in plan.servers:
        if room.limits is None:
            yield (
                f"Nothing is known of server {room.server}: name {room.databases[0]} in "
                "ATOLL_SERVER_LIMITS, or leave out --offline."
            )


def _disagreements(
    configured: PoolSettings, known: Registry, plan: PoolPlan, asked: Mapping[str, Limits]
) -> Iterator[str]:
    """Processes ask no server when they start: what they believe must be so."""
    servers = servers_of(known)
    for name, told in configured.limits.items():
        is_so = asked.get(address_of(servers[name])) if name in servers else None
        if is_so is not None and is_so != told:
            yield (
                f"ATOLL_SERVER_LIMITS says {_written(name, told)}, and the server says "
                f"{_written(name, is_so)}. Processes size their pools by the setting: correct it."
            )
    believed = plan_pools(terms_of(configured, known))
    for pool in plan.processes:
        size = believed.size(pool.group, pool.database)
        address = address_of(servers[pool.database])
        if size != pool.size and address in believed.unknown and address in asked:
            yield (
                f"Pools of group {pool.group} for {pool.database} must shrink from {size} to "
                f"{pool.size} connections, and processes do not know: add "
                f"{_written(pool.database, asked[address])} to ATOLL_SERVER_LIMITS."
            )


def _written(name: str, limits: Limits) -> str:
    return f"{name}={limits.max_connections}-{limits.reserved}"
