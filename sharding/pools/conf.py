"""What can be set about connections.

"The variable of that name" is told in `config/env.py`, and in docs/reference/settings.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Final

from django.core.signals import setting_changed

from sharding.pools.breaking.probe_times import PROBES_WANTED, ProbeTimes, parse_probe_times
from sharding.pools.budget.parsing import (
    GROUPS_WANTED,
    LIMITS_WANTED,
    RESERVES_WANTED,
    parse_groups,
    parse_limits,
    parse_reserves,
)
from sharding.pools.budget.types import Limits, ProcessGroup, Reserves
from sharding.pools.slots import SlotLimits, spare_threads, tenants_share
from sharding.typed_settings import SettingsReader

SCHEMAS_PER_CONNECTION: Final = 100


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Settings of this package.

    Attributes:
        groups: ATOLL_PROCESS_GROUPS. As the variable of that name.
        group: ATOLL_PROCESS_GROUP. As the variable of that name.
        limits: ATOLL_SERVER_LIMITS. As the variable of that name.
        reserves: ATOLL_CONNECTION_RESERVES. As the variable of that name.
        poolers: ATOLL_POOLERS. PgBouncers that stand side by side; each gets its part of what a
            server has room for.
        breakers: ATOLL_BREAKERS. Whether servers that do not answer are found out and refused at
            once; without them only the deadline of each statement ends a wait.
        probes: ATOLL_PROBE_SECONDS. As the variable of that name.
        schemas_per_connection: ATOLL_SCHEMAS_PER_CONNECTION. As the variable of that name.
        pool_idle: ATOLL_POOL_IDLE_SECONDS. A pool that nobody has asked for so long gives its
            connections and threads back; the next who asks opens a new one.
    """

    groups: tuple[ProcessGroup, ...]
    group: str
    limits: Mapping[str, Limits]
    reserves: Reserves
    poolers: int
    breakers: bool
    probes: ProbeTimes
    schemas_per_connection: int
    pool_idle: timedelta


@cache
def pool_settings() -> PoolSettings:
    """The settings; read once, since every connection asks, and again after a test has changed one.

    Raises:
        InvalidSettings: some say what they cannot.
    """
    with SettingsReader() as read:
        return PoolSettings(
            groups=read.written("ATOLL_PROCESS_GROUPS", "", GROUPS_WANTED, parse_groups),
            group=read.text("ATOLL_PROCESS_GROUP", ""),
            limits=read.written("ATOLL_SERVER_LIMITS", "", LIMITS_WANTED, parse_limits),
            reserves=read.written(
                "ATOLL_CONNECTION_RESERVES",
                "own=5 mover=4 admin=3",
                RESERVES_WANTED,
                parse_reserves,
            ),
            poolers=read.whole("ATOLL_POOLERS", 1),
            breakers=read.flag("ATOLL_BREAKERS", True),
            probes=read.written("ATOLL_PROBE_SECONDS", "0.25", PROBES_WANTED, parse_probe_times),
            schemas_per_connection=_schemas_per_connection(read),
            pool_idle=read.seconds("ATOLL_POOL_IDLE_SECONDS", 300),
        )


def schemas_per_connection() -> int:
    """How many schemas a connection may meet before it is replaced; 0: as many as come.

    Raises:
        InvalidSettings: the setting says no such thing.
    """
    with SettingsReader() as read:
        return _schemas_per_connection(read)


def _schemas_per_connection(read: SettingsReader) -> int:
    return read.whole("ATOLL_SCHEMAS_PER_CONNECTION", SCHEMAS_PER_CONNECTION, least=0)


@dataclass(frozen=True, slots=True)
class SlotSettings:
    """How much may be under way in this process at a time.

    Attributes:
        threads: ATOLL_THREADS. As the variable of that name.
        limits: ATOLL_SHARD_SLOTS. As the variable of that name; None: what follows from
            ATOLL_THREADS.
        tenant_slots: ATOLL_TENANT_SLOTS. As the variable of that name; None: half of the shard's.
        processes: ATOLL_PROCESSES. As the variable of that name, where ATOLL_PROCESS_GROUP is not
            set.
    """

    threads: int
    limits: SlotLimits
    tenant_slots: int
    processes: int

    @property
    def shard_slots(self) -> int:
        """Of one shard; 0: no limit."""
        return self.limits.shard


@cache
def slot_settings() -> SlotSettings:
    """The settings; read once, since every request asks, and again after a test has changed one.

    Raises:
        InvalidSettings: some say what they cannot.
    """
    with SettingsReader() as read:
        threads = read.whole("ATOLL_THREADS", 8)
        shard = read.whole_or_none("ATOLL_SHARD_SLOTS", least=0)
        tenant = read.whole_or_none("ATOLL_TENANT_SLOTS", least=0)
        processes = read.whole("ATOLL_PROCESSES", 1)
    spare = spare_threads(threads)
    shard = spare if shard is None else shard
    pools = pool_settings()
    ours = (group.processes for group in pools.groups if group.name == pools.group)
    return SlotSettings(
        threads=threads,
        limits=SlotLimits(shard=shard, doubtful=spare if shard else 0),
        tenant_slots=tenants_share(shard) if tenant is None else tenant,
        processes=next(ours, processes),
    )


def _forget(**change: object) -> None:
    pool_settings.cache_clear()
    slot_settings.cache_clear()


setting_changed.connect(_forget, dispatch_uid="sharding.pools.conf")
