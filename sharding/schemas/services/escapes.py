"""What a server leaves open: ways out of a tenant's role, and what stays on a session."""

from sharding.registry.types import Server
from sharding.schemas.connections import BRIEF, own_connection

_OPEN = """
    SELECT has_function_privilege('public', 'pg_catalog.set_config(text,text,boolean)', 'EXECUTE'),
           has_language_privilege('public', 'plpgsql', 'USAGE'),
           has_database_privilege('public', current_database(), 'TEMPORARY'),
           has_function_privilege('public', 'pg_catalog.pg_advisory_lock(bigint)', 'EXECUTE')
"""

_WAYS = (
    "set_config() may be called by all: one SELECT can change the role",
    "plpgsql may be used by all: a DO block can change the role",
    "temporary tables may be made by all: one tenant's can hide another's table",
    "session advisory locks may be taken by all: through a pooler they stay for ever",
)


def open_escapes(server: Server) -> tuple[str, ...]:
    """One sentence per way that this server does not let us close, or that was opened again.

    Raises:
        ServerUnreachable: within seconds.
    """
    with own_connection(server, BRIEF) as connection:
        row = connection.execute(_OPEN).fetchone() or ()
    return tuple(way for way, is_open in zip(_WAYS, row, strict=True) if is_open)
