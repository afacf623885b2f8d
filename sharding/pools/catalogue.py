"""How many tenants' schemas one connection has met: its server's memory grows with each, for good.

A backend keeps what it has looked up in the catalogue until it ends, some 0.74 MB for a tenant of
30 tables. So a connection that has met its budget of schemas is marked as expired: whoever has it
goes on, and when it is given back, the pool puts a new one in its place.

Source: docs/how-to/pools.md has the curve of memory against reconnects.
"""

from __future__ import annotations

from typing import Final

_LONG_AGO: Final = 0.0


class SchemasMet:
    """The schemas that one connection has met; one thread at a time has a connection."""

    __slots__ = ("_most", "_names", "last")

    def __init__(self, most: int) -> None:
        self.last = ""
        """Asked before each statement, so that all but the first of a tenant cost no call."""
        self._names: set[str] = set()
        self._most = most

    def meet(self, schema: str) -> bool:
        """Take note of `schema`. True: with it the budget is used up; said once."""
        self.last = schema
        if schema in self._names:
            return False
        self._names.add(schema)
        return len(self._names) == self._most


def mark_expired(connection: object) -> None:
    """Let the connection's pool replace it when it is given back.

    psycopg-pool's own mark, private; without a pool nobody looks at it.
    """
    connection._expire_at = _LONG_AGO  # type: ignore[attr-defined]
