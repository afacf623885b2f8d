"""Owner connections that a run keeps open, one per lane at work."""

import threading
from collections import defaultdict
from contextlib import ExitStack
from datetime import timedelta
from types import TracebackType
from typing import Final, Self

from sharding.registry.types import Server
from sharding.schemas.connections import Connection, Patience, own_connection

# DDL on a large table takes as long as it takes; a dead server is found out all the same, since it
# closes the connection or the kernel does.
PATIENCE: Final = Patience(statement=timedelta(hours=1), lock=timedelta(seconds=5))

# The server need not wait for the disk after each schema: `make_durable` waits once for a batch.
_COMMIT_AT_ONCE = "SET synchronous_commit TO off"
# It has to write something, since an empty transaction flushes nothing; all that was committed
# before it is on disk, and with the standbys that a commit waits for, when it returns.
_FLUSH = """
    SET LOCAL synchronous_commit TO on;
    SELECT pg_logical_emit_message(true, 'atoll', 'fleet')
"""


class LaneConnections:
    """Lends connections to lanes; all are closed when the block ends. Usable from threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._free: dict[str, list[Connection]] = defaultdict(list)
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._opened.close()

    def borrow(self, server: Server) -> Connection:
        """A connection to `server` as the owner of tables, in autocommit.

        Raises:
            ServerUnreachable: there is none to be had.
        """
        with self._lock:
            if self._free[server.name]:
                return self._free[server.name].pop()
        opening = ExitStack()
        connection = opening.enter_context(own_connection(server, PATIENCE))
        connection.execute(_COMMIT_AT_ONCE)
        with self._lock:
            self._opened.push(opening)
        return connection

    def give_back(self, server: Server, connection: Connection) -> None:
        """Let another lane have it, if it still is one."""
        if not connection.closed:
            with self._lock:
                self._free[server.name].append(connection)


def make_durable(connection: Connection) -> None:
    """Return when all that this server has committed so far survives its crash."""
    connection.execute(_FLUSH)
