"""Whether streams could begin now: somebody may keep slots waiting, or a server not be reached."""

from collections.abc import Iterator
from typing import Final

import psycopg

from sharding.moves.connections import as_mover
from sharding.moves.services.streams import TRY_SLOT_FOR, try_to_follow
from sharding.moves.types import Refusal
from sharding.pools.outages import without_rows
from sharding.registry.types import Server
from sharding.schemas.connections import Connection

# A slot waits for every transaction of its server that writes, in whatever database.
_WRITERS: Final = """
    SELECT format('process %%s in database %%s', pid, datname),
           extract(epoch FROM clock_timestamp() - xact_start)::int
    FROM pg_stat_activity
    WHERE backend_xid IS NOT NULL AND clock_timestamp() - xact_start > %(longest)s
    UNION ALL
    SELECT format('prepared transaction %%s in database %%s', gid, database),
           extract(epoch FROM clock_timestamp() - prepared)::int
    FROM pg_prepared_xacts
    ORDER BY 2 DESC
"""

Found = Iterator[Refusal]


def slots_wait(connection: Connection, server: Server) -> Found:
    """Who has been writing on this server for longer than a mover would wait.

    connection: of the mover, in the owner's role; not in a transaction.
    """
    with as_mover(connection, server):
        found = connection.execute(_WRITERS, {"longest": TRY_SLOT_FOR}).fetchall()
    for who, seconds in found:
        yield Refusal(
            "moves.long_writer",
            f"On {server.name} {who} has been in a transaction that writes for {seconds} s, and "
            "a slot waits for it.",
            "Wait for its end or end it, or use --mode block.",
        )


def no_way_between(
    at_source: Connection, at_target: Connection, source: Server, target: Server
) -> Found:
    """Which of the two servers does not get through to the other one. Nothing is left there.

    Both are connections of movers, in the owner's role; not in a transaction.
    """
    for connection, at, to in (
        (at_target, target, source),
        (at_source, source, target),
    ):
        try:
            try_to_follow(connection, at, to)
        except psycopg.Error as error:
            yield Refusal(
                "moves.no_way_between",
                f"{at.name} cannot follow {to.name}: {without_rows(error)}",
                f"{at.name} must reach {to.direct}, which must ask mover for its password; or "
                "use --mode block.",
            )
