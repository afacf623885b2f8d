"""What the budget is made from, and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

CONTROL = "control"
SHARDS_PER_PROCESS: Final = 20
"""Connections multiply: shards × processes × pool size."""


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """Processes that are alike: the gunicorns of some shards, the workers of a queue.

    Attributes:
        processes: of all machines together. Of a Celery worker: its children.
        threads: of each; each may need one connection per database at a time.
        pool_size: connections per database and process, where they are not to be computed.
        shards: those that it serves; None: all. Every process uses control as well.
    """

    name: str
    processes: int
    threads: int = 1
    pool_size: int | None = None
    shards: tuple[str, ...] | None = None

    def serves(self, database: str) -> bool:
        """Whether its processes connect there."""
        return database == CONTROL or self.shards is None or database in self.shards


@dataclass(frozen=True, slots=True)
class Limits:
    """What a PostgreSQL server lets be opened.

    Attributes:
        max_connections: the server's setting.
        reserved: superuser_reserved_connections and, from PostgreSQL 16 on, reserved_connections.
    """

    max_connections: int
    reserved: int = 3


@dataclass(frozen=True, slots=True)
class Reserves:
    """What is left for others than requests and tasks.

    Attributes:
        own: per database, for migrations, provisioning and commands.
        mover: per shard, for moves.
        admin: per server, for people and monitoring.
    """

    own: int = 5
    mover: int = 4
    admin: int = 3


@dataclass(frozen=True, slots=True)
class Database:
    """Control or a shard.

    Attributes:
        server: which server it is on; several may share one, and its limits.
        pooled: whether PgBouncer stands before it.
    """

    name: str
    server: str
    pooled: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """All that the plan depends on.

    Attributes:
        limits: by server; one that is not there is not known, and nothing is held against it.
        poolers: PgBouncers that stand side by side.
        shards_per_process: more than these a process refuses.
    """

    groups: tuple[ProcessGroup, ...]
    databases: tuple[Database, ...]
    limits: Mapping[str, Limits] = field(default_factory=lambda: MappingProxyType({}))
    reserves: Reserves = Reserves()
    poolers: int = 1
    shards_per_process: int = SHARDS_PER_PROCESS


@dataclass(frozen=True, slots=True)
class ProcessPool:
    """psycopg-pool's `max_size` in each process of a group."""

    group: str
    database: str
    processes: int
    threads: int
    size: int

    @property
    def connections(self) -> int:
        """Of all processes together."""
        return self.processes * self.size


@dataclass(frozen=True, slots=True)
class PoolerPool:
    """What each PgBouncer may open to one database, and how many clients may come for it."""

    database: str
    size: int
    clients: int


@dataclass(frozen=True, slots=True)
class ServerRoom:
    """One server's account.

    Attributes:
        room: what pools may open together; None: its limits are not known.
        opened: what they open when all are full.
    """

    server: str
    databases: tuple[str, ...]
    limits: Limits | None
    kept: int
    room: int | None
    opened: int


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """What every pool may open.

    Attributes:
        problems: sentences that say what to change; empty: it fits.
        notes: what works, but not as well as it could.
        unknown: servers whose limits are not known.
    """

    processes: tuple[ProcessPool, ...]
    poolers: tuple[PoolerPool, ...]
    servers: tuple[ServerRoom, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def clients(self) -> int:
        """What all processes open at the poolers together."""
        return sum(pool.clients for pool in self.poolers)

    def size(self, group: str, database: str) -> int | None:
        """The pool of one process of `group`; None where it has none there."""
        found = (p.size for p in self.processes if (p.group, p.database) == (group, database))
        return next(found, None)
