"""Whether the server at a shard's address is the one that may serve.

A shard that was restored from a backup, an old primary that woke up and a standby answer like the
right server. Each new connection asks once who it is, and is refused as one to a shard that is
away. Connections that are there are not asked again: a server does not become an older one.

Source: docs/adr/0015.
"""

from time import monotonic
from typing import Any, Final

import psycopg

from sharding.pools.errors import ShardAway
from sharding.registry.types import Server

WHO: Final = "SELECT incarnation, pg_is_in_recovery() FROM atoll.server"

# A database without our tables holds no tenant either: its first statement says what is wrong.
_NO_SHARD: Final = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.InsufficientPrivilege,
)

REFUSED_S: Final = 1.0
"""How long a refusal stands before the server is asked again."""

_refused: dict[Server, tuple[float, str]] = {}


def check_identity(connection: Any, server: Server, *, sealed_too: bool) -> None:
    """Ask the server at the other end who it is.

    connection: psycopg's own, new, in autocommit.
    sealed_too: a server of an older incarnation is refused as well; work that brings a restored
        shard into shape must get there.

    Raises:
        ShardAway: it is a standby, or sealed.
    """
    try:
        row = connection.execute(WHO).fetchone()
    except _NO_SHARD:
        return
    why = None if row is None else why_refused(server, *row, sealed_too=sealed_too)
    if why is not None:
        _refused[server] = (monotonic(), why)
        raise ShardAway(server.name, why)
    _refused.pop(server, None)


def refused_just_now(server: Server) -> str | None:
    """Why the server was refused a moment ago, if it was.

    A pool connects in threads of its own, and who waits for it would wait in vain.
    """
    at, why = _refused.get(server, (float("-inf"), ""))
    return why if monotonic() - at < REFUSED_S else None


def why_refused(
    server: Server, incarnation: int, in_recovery: bool, *, sealed_too: bool = True
) -> str | None:
    """Why the server that says this of itself may not serve as `server`, if it may not."""
    if in_recovery:
        return "is in recovery: a standby, or a backup that is still being restored"
    if sealed_too and incarnation < server.incarnation:
        return (
            f"is sealed: it is of incarnation {incarnation} and the registry knows "
            f"{server.incarnation} (manage.py open_restored_shard {server.name})"
        )
    return None
