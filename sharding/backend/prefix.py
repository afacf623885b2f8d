"""The words that stand before every statement and make it a tenant's."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sharding.scope import Placement

SHARED_SCHEMAS: Final = ("reference", "extensions")
"""What every tenant sees beside its own schema, read-only. Never `public`."""

_BIND: Final = b'SET LOCAL ROLE "%(role)b"; SET LOCAL search_path TO "%(schema)b", %(shared)b;\n'
_ROLE: Final = b'SET LOCAL ROLE "%(role)b"'
_PATH: Final = b'SET LOCAL search_path TO "%(schema)b", %(shared)b'
_CONFIG: Final = (
    b"SELECT pg_catalog.set_config('role', '%(role)b', true),"
    b" pg_catalog.set_config('search_path', '\"%(schema)b\", %(shared)b', true)"
)


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
    return _prefix(placement.role, placement.schema)


@lru_cache(maxsize=4096)
def _prefix(role: str, schema: str) -> Prefix:
    words = {
        b"role": role.encode("ascii"),
        b"schema": schema.encode("ascii"),
        b"shared": ", ".join(SHARED_SCHEMAS).encode("ascii"),
    }
    return Prefix(
        sql=_BIND % words,
        results=2,
        commands=(_ROLE % words, _PATH % words),
        fresh_commands=(_CONFIG % words,),
    )
