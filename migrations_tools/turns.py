"""Builders and migrators of one schema take turns."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from migrations_tools.errors import SchemaBusy
from sharding.schemas.connections import Connection

# Taken on the session: a migration without a transaction could hold none. When a builder is killed,
# its session ends within seconds. Tried again and again instead of waited for:
# whoever waits holds a snapshot, and CREATE INDEX CONCURRENTLY waits for all snapshots.
_TRY: Final = "SELECT pg_try_advisory_lock(hashtext('atoll.build_schema'), hashtext(%s))"
_LEAVE: Final = "SELECT pg_advisory_unlock(hashtext('atoll.build_schema'), hashtext(%s))"
# The session of a builder that was killed in a long statement would else live on as long as that.
_END_WITH_CLIENT: Final = (
    "SELECT pg_catalog.set_config('client_connection_check_interval', '1s', false)"
)

WAIT_FOR_OTHERS: Final = timedelta(seconds=15)
_BETWEEN_TRIES: Final = timedelta(milliseconds=100)


@contextmanager
def alone(
    connection: Connection, schema: str, *, wait: timedelta = WAIT_FOR_OTHERS
) -> Iterator[None]:
    """Be the only one that builds or migrates `schema`, for the length of a `with` block.

    Locks: an advisory lock of the session; it ends within seconds of this process.

    Raises:
        SchemaBusy: another one did not end in time.
    """
    connection.execute(_END_WITH_CLIENT)
    gives_up_at = time.monotonic() + wait.total_seconds()
    while not _tried(connection, schema):
        if time.monotonic() >= gives_up_at:
            raise SchemaBusy(schema)
        time.sleep(_BETWEEN_TRIES.total_seconds())
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute(_LEAVE, (schema,))


def _tried(connection: Connection, schema: str) -> bool:
    row = connection.execute(_TRY, (schema,)).fetchone()
    return bool(row and row[0])
