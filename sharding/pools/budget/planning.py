"""Divide what servers can give among the pools that ask for it.

A pool wants a connection per thread. Where all of that is more than a server has room for, every
pool of that server gets the same share of its wish, at least one. Where even that is too much, the
plan says so: what it then holds would not fit.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sharding.pools.budget.types import (
    CONTROL,
    Database,
    PoolerPool,
    PoolPlan,
    ProcessPool,
    ServerRoom,
    Terms,
)

_STEPS: Final = 1000
"""Shares are tried in so many steps."""


@dataclass(frozen=True, slots=True)
class _Wish:
    """`times` pools of `size` connections each; `rigid` ones do not get smaller."""

    times: int
    size: int
    rigid: bool = False

    def at(self, step: int) -> int:
        return self.size if self.rigid else max(1, self.size * step // _STEPS)


def plan_pools(terms: Terms) -> PoolPlan:
    """What every pool may open under `terms`. Reads nothing, touches nothing."""
    wanted = tuple(_wanted(terms))
    processes: list[ProcessPool] = []
    poolers: list[PoolerPool] = []
    servers: list[ServerRoom] = []
    problems = [*_misnamed(terms), *_unserved(terms)]
    by_server: dict[str, list[Database]] = defaultdict(list)
    for database in terms.databases:
        by_server[database.server].append(database)
    for server, databases in by_server.items():
        account = _account(terms, server, databases)
        direct = [pool for pool in wanted if pool.database in _names(databases, pooled=False)]
        fixed = {group.name for group in terms.groups if group.pool_size is not None}
        behind = [
            PoolerPool(name, -(-clients // terms.poolers), clients)
            for name in _names(databases, pooled=True)
            if (clients := sum(p.connections for p in wanted if p.database == name))
        ]
        wishes = [
            *(_Wish(pool.processes, pool.size, pool.group in fixed) for pool in direct),
            *(_Wish(terms.poolers, pool.size) for pool in behind),
        ]
        step = _largest_step(wishes, account.room)
        sizes = [wish.at(step) for wish in wishes]
        opened = sum(wish.times * size for wish, size in zip(wishes, sizes, strict=True))
        account = replace(account, opened=opened)
        processes += [replace(pool, size=size) for pool, size in zip(direct, sizes, strict=False)]
        poolers += [
            replace(pool, size=size)
            for pool, size in zip(behind, sizes[len(direct) :], strict=True)
        ]
        servers.append(account)
        problems += _too_much(account, wishes)
    # To PgBouncer a process opens what it wants: clients cost little there.
    pooled = {database.name for database in terms.databases if database.pooled}
    processes += [pool for pool in wanted if pool.database in pooled]
    order = {pool: number for number, pool in enumerate((p.group, p.database) for p in wanted)}
    processes.sort(key=lambda pool: order[pool.group, pool.database])
    return PoolPlan(
        processes=tuple(processes),
        poolers=tuple(poolers),
        servers=tuple(servers),
        problems=tuple(problems),
        notes=tuple(_notes(processes)),
        unknown=tuple(account.server for account in servers if account.limits is None),
    )


def _wanted(terms: Terms) -> Iterator[ProcessPool]:
    for group in terms.groups:
        for database in terms.databases:
            if group.serves(database.name):
                size = group.threads if group.pool_size is None else group.pool_size
                yield ProcessPool(group.name, database.name, group.processes, group.threads, size)


def _names(databases: Sequence[Database], *, pooled: bool) -> list[str]:
    return [database.name for database in databases if database.pooled is pooled]


def _account(terms: Terms, server: str, databases: Sequence[Database]) -> ServerRoom:
    limits = terms.limits.get(server)
    shards = sum(database.name != CONTROL for database in databases)
    kept = (
        terms.reserves.own * len(databases) + terms.reserves.mover * shards + terms.reserves.admin
    )
    if shards < len(databases):
        # Each process listens at control, on a connection of its own that goes round the pooler.
        kept += sum(group.processes for group in terms.groups)
    room = None if limits is None else max(0, limits.max_connections - limits.reserved - kept)
    names = tuple(database.name for database in databases)
    return ServerRoom(server, names, limits, kept, room, opened=0)


def _largest_step(wishes: Sequence[_Wish], room: int | None) -> int:
    """The largest share, in steps, at which all of it fits; 0: none does."""
    if room is None:
        return _STEPS
    low, high = 0, _STEPS
    while low < high:
        middle = (low + high + 1) // 2
        if sum(wish.times * wish.at(middle) for wish in wishes) <= room:
            low = middle
        else:
            high = middle - 1
    return low


def _too_much(account: ServerRoom, wishes: Sequence[_Wish]) -> Iterator[str]:
    if account.room is None or account.limits is None or account.opened <= account.room:
        return
    needs = account.opened - account.room + account.limits.max_connections
    pools = sum(wish.times for wish in wishes)
    listening = ", the processes that listen among them" if CONTROL in account.databases else ""
    yield (
        f"Server {account.server} ({', '.join(account.databases)}) has room for {account.room} "
        f"connections (max_connections {account.limits.max_connections}, less "
        f"{account.limits.reserved} for superusers and {account.kept} for own, mover and admin"
        f"{listening}), "
        f"and {pools} pools there need {account.opened} at least. Raise its max_connections to "
        f"{needs}, run fewer processes, give its shards to a group of processes of their own, or "
        "put PgBouncer before it."
    )


def _misnamed(terms: Terms) -> Iterator[str]:
    known = {database.name for database in terms.databases}
    count = sum(name != CONTROL for name in known)
    for group in terms.groups:
        for name in sorted(set(group.shards or ()) - known):
            yield (
                f"Group {group.name} serves shard {name}, which is in no registry here. Take it "
                "out of ATOLL_PROCESS_GROUPS, or add the shard."
            )
        shards = count if group.shards is None else len(group.shards)
        if shards > terms.shards_per_process:
            yield (
                f"A process of group {group.name} would connect to {shards} shards and refuses "
                f"more than {terms.shards_per_process}. Divide the shards among several groups."
            )


def _unserved(terms: Terms) -> Iterator[str]:
    for database in terms.databases:
        if not any(group.serves(database.name) for group in terms.groups):
            yield (
                f"No group of processes serves {database.name}. Name it in a group of "
                "ATOLL_PROCESS_GROUPS."
            )


def _notes(processes: Sequence[ProcessPool]) -> Iterator[str]:
    for pool in processes:
        if pool.size < pool.threads:
            yield (
                f"A process of group {pool.group} has {pool.threads} threads and a "
                f"pool of {pool.size} for {pool.database}: threads wait for each other, half "
                "a second at most."
            )
