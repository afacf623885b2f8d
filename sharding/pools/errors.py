"""What a connection refuses to wait for.

psycopg.OperationalError
├── ShardAway
└── psycopg_pool.PoolTimeout
    └── NoConnectionFree
PoolsError
├── TooManyShards
└── GroupTooLarge
"""

from typing import ClassVar

import psycopg
from psycopg_pool import PoolTimeout


class ShardAway(psycopg.OperationalError):
    """No answer in time, or the server is known to be away.

    Nothing was done, unless it was a COMMIT that got no answer: then the outcome is unknown, and
    it must never be repeated blindly. Django hands it on as its OperationalError with this one as
    `__cause__`.
    """

    code: ClassVar[str] = "pools.shard_away"
    retryable: ClassVar[bool] = True

    def __init__(self, name: str, why: str = "does not answer") -> None:
        self.server = name
        super().__init__(f"The server {name} {why}.")


class NoConnectionFree(PoolTimeout):
    """A server's pool had no connection to give in time.

    The server may be away, or this process keeps all that it may open busy. Try again in a moment.
    """

    code: ClassVar[str] = "pools.no_connection_free"
    retryable: ClassVar[bool] = True

    def __init__(self, name: str, why: str) -> None:
        self.server = name
        super().__init__(f"The server {name} gives no connection: {why}")


class PoolsError(Exception):
    """This process cannot hold the connections that it is asked for."""

    code: ClassVar[str] = "pools"
    retryable: ClassVar[bool] = False


class TooManyShards(PoolsError):
    """One process would keep connections to more shards than it may.

    Connections multiply: shards × processes × pool size. Give each group of shards its own group
    of processes.
    """

    code = "pools.too_many_shards"

    def __init__(self, name: str, limit: int) -> None:
        self.limit = limit
        super().__init__(
            f"This process is connected to {limit} shards and refuses one more ({name}): "
            "connections multiply (shards × processes × pool size). Serve each group of at most "
            f"{limit} shards by processes of its own."
        )


class GroupTooLarge(PoolsError):
    """Processes of one group would serve more shards than one process may.

    Name groups that serve some of the shards each.
    """

    code = "pools.group_too_large"

    def __init__(self, group: str, shards: int, limit: int) -> None:
        self.shards = shards
        self.limit = limit
        who = f"A process of group {group}" if group else "Each process"
        super().__init__(
            f"{who} would serve {shards} shards, and may connect to {limit}: connections multiply "
            "(shards × processes × pool size). Divide the shards among several groups of processes "
            "(ATOLL_PROCESS_GROUPS, such as `web-a=4x8:alpha,beta web-b=4x8:gamma`), each with its "
            "ATOLL_PROCESS_GROUP; docs/how-to/limits.md shows how."
        )
