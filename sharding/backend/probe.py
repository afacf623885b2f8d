"""What `scope.enter` asks and tells the connections of this thread."""

from typing import Any, Final

from django.db import connections
from psycopg.pq import TransactionStatus

from sharding.scope.ports import Depths

_NOTHING_OPEN: Final[Depths] = {}
_IDLE: Final = TransactionStatus.IDLE
_UNKNOWN: Final = TransactionStatus.UNKNOWN
"""The last one, of a connection that is closed or broken: what was open there is gone."""


class HandlerProbe:
    """Answers from `django.db.connections`, which is a ScopeHandler."""

    def depths(self) -> Depths:
        """Open blocks per alias, but those that a test case holds open around a test."""
        handler: Any = connections
        found: dict[str, tuple[int, int]] = {}
        for alias, wrapper in handler.wrappers().items():
            if wrapper.in_atomic_block:
                depth = sum(not block._from_testcase for block in wrapper.atomic_blocks)
            elif wrapper.connection is not None and (
                not wrapper.autocommit
                or _IDLE < wrapper.connection.pgconn.transaction_status < _UNKNOWN
            ):
                # Managed by hand: set_autocommit(False), or a BEGIN that Django knows nothing of.
                # On a connection that is kept it would take in the next tenant's statements.
                depth = 1
            else:
                continue
            if depth:
                found[alias] = (id(wrapper), depth)
        return found or _NOTHING_OPEN

    def abandon(self, alias: str) -> None:
        """Close the connection for real, and forget its wrapper.

        The wrapper still believes in its blocks; who never leaves them would have a broken
        connection for the rest of the thread's life.
        """
        wrapper = self.swap_out(alias)
        if isinstance(wrapper, Nothing):
            return
        wrapper.close_for_real()  # type: ignore[attr-defined]

    def swap_out(self, alias: str) -> object:
        """Put this thread's connection of `alias` aside."""
        handler: Any = connections
        wrapper = handler.peek(alias)
        if wrapper is None:
            return Nothing()
        del handler[alias]
        return wrapper

    def swap_in(self, alias: str, kept: object) -> None:
        """Close the connection made since and put the one set aside back."""
        handler: Any = connections
        made_since = self.swap_out(alias)
        if not isinstance(made_since, Nothing):
            made_since.close()  # type: ignore[attr-defined]
        if not isinstance(kept, Nothing):
            handler[alias] = kept


class Nothing:
    """There was no connection to put aside."""
