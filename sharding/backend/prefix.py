"""The words that stand before every statement and make it a tenant's."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sharding.scope import Placement

SHARED_SCHEMAS: Final = ("reference", "extensions")
"""What every tenant sees beside its own schema, read-only. Never `public`."""

_ROLE: Final = b'SET LOCAL ROLE "%(role)b"'
_PATH: Final = b'SET LOCAL search_path TO "%(schema)b", %(shared)b'
_TIMEOUT: Final = b"SET LOCAL statement_timeout TO %(timeout)d"
_CONFIG: Final = (
    b"SELECT pg_catalog.set_config('role', '%(role)b', true),"
    b" pg_catalog.set_config('search_path', '\"%(schema)b\", %(shared)b', true)"
)
_CONFIG_TIMEOUT: Final = b", pg_catalog.set_config('statement_timeout', '%(timeout)d', true)"


@dataclass(frozen=True, slots=True)
class Prefix:
    """How one tenant's statements begin.

    The parts are plain text: role and schema are checked by Placement to be letters and digits.

    Attributes:
        sql: goes before a statement in the same message; ends a line, so that PostgreSQL's line
            numbers are off by exactly one.
        results: how many results of the server's answer are not the statement's.
        commands: the same as single commands, for a pipeline inside a transaction.
        fresh_commands: the same for a pipeline that begins one: SET LOCAL would warn there. Only
            while the session is still `web`, since tenants may not call set_config.
    """

    sql: bytes
    results: int
    commands: tuple[bytes, ...]
    fresh_commands: tuple[bytes, ...]


def prefix_for(placement: Placement) -> Prefix:
    """The prefix of `placement`'s statements."""
    return _prefix(placement.role, placement.schema, placement.statement_timeout_ms)


@lru_cache(maxsize=4096)
def _prefix(role: str, schema: str, timeout_ms: int) -> Prefix:
    words = {
        b"role": role.encode("ascii"),
        b"schema": schema.encode("ascii"),
        b"shared": ", ".join(SHARED_SCHEMAS).encode("ascii"),
        b"timeout": timeout_ms,
    }
    # Last, so that the server counts the statement's time by it, and the prefix's by its own.
    limit = (_TIMEOUT,) if timeout_ms else ()
    commands = tuple(command % words for command in (_ROLE, _PATH, *limit))
    config = _CONFIG + (_CONFIG_TIMEOUT if timeout_ms else b"")
    return Prefix(
        sql=b"; ".join(commands) + b";\n",
        results=len(commands),
        commands=commands,
        fresh_commands=(config % words,),
    )
