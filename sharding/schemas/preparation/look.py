"""Look at a database before it is prepared, and judge whether it can be a shard."""

from collections.abc import Iterator

from psycopg import sql

from sharding.registry.types import Server
from sharding.schemas.connections import Connection
from sharding.schemas.preparation.types import DatabaseFacts, Finding

OLDEST_VERSION = 150000
_OWN_MAY_MAKE_ROLES_SINCE = 160000

_LOOK = """
    SELECT current_setting('server_version_num')::int,
           current_database(),
           (SELECT system_identifier::text FROM pg_control_system()),
           pg_encoding_to_char(encoding),
           CASE datlocprovider WHEN 'c' THEN datcollate
                ELSE datlocprovider::text || ':' || {locale} END,
           current_setting('wal_level'),
           pg_is_in_recovery(),
           EXISTS (SELECT FROM pg_language WHERE lanname = 'plpgsql'),
           current_setting('max_replication_slots')::int,
           current_setting('max_wal_senders')::int,
           current_setting('max_logical_replication_workers')::int,
           current_setting('max_worker_processes')::int,
           (SELECT count(*) FROM pg_roles),
           to_regclass('atoll.server') IS NOT NULL
    FROM pg_database WHERE datname = current_database()
"""
# Renamed in PostgreSQL 17.
_LOCALE = {False: "coalesce(daticulocale, '')", True: "coalesce(datlocale, '')"}

STREAMS_WANTED = 10
"""Five moves at once (four in their soak, one under way), each with a stream to and from."""

_WHO = "SELECT name, incarnation FROM atoll.server"


def look(connection: Connection) -> DatabaseFacts:
    """What this database is."""
    locale = _LOCALE[connection.info.server_version >= 170000]
    row = connection.execute(sql.SQL(_LOOK).format(locale=sql.SQL(locale))).fetchone()
    assert row is not None, "a database is in pg_database"
    *facts, prepared = row
    who = connection.execute(_WHO).fetchone() if prepared else None
    return DatabaseFacts(*facts, *(who or ()))


def judge(facts: DatabaseFacts, server: Server) -> tuple[Finding, ...]:
    """What speaks against using this database as `server`, and what one should know of it."""
    checks = (
        (
            facts.version < OLDEST_VERSION,
            Finding("version", True, f"It runs PostgreSQL {facts.major}; 15 is the oldest."),
        ),
        (
            facts.in_recovery,
            Finding("standby", True, "It is a standby and takes no writes; give its primary."),
        ),
        (
            facts.database != server.direct.dbname,
            Finding(
                "database",
                True,
                f"The administrator's connection leads to database {facts.database!r}, the "
                f"shard's address to {server.direct.dbname!r}.",
            ),
        ),
        (
            facts.encoding != "UTF8",
            Finding("encoding", True, f"Its encoding is {facts.encoding}; it must be UTF8."),
        ),
        (
            not facts.has_plpgsql,
            Finding("plpgsql", True, "It lacks the language plpgsql, in which guards are written."),
        ),
        (
            facts.shard not in (None, server.name),
            Finding("taken", True, f"It is shard {facts.shard!r} already."),
        ),
        (
            (facts.incarnation or 0) > server.incarnation,
            Finding(
                "incarnation",
                True,
                f"It is of incarnation {facts.incarnation}, the registry knows "
                f"{server.incarnation}: set the registry right first.",
            ),
        ),
        (
            (facts.incarnation or server.incarnation) < server.incarnation,
            Finding(
                "sealed",
                True,
                f"It is of incarnation {facts.incarnation}, the registry knows "
                f"{server.incarnation}: it was restored, or is an old primary. Only `manage.py "
                f"open_restored_shard {server.name}` may open it, after it has compared it.",
            ),
        ),
        (
            facts.version < _OWN_MAY_MAKE_ROLES_SINCE and server.role_maker is None,
            Finding(
                "role_maker",
                True,
                "PostgreSQL 15 needs a login of its own for making roles (role_maker).",
            ),
        ),
        (
            facts.wal_level != "logical",
            Finding(
                "wal_level",
                False,
                f"wal_level is {facts.wal_level}: tenants can move with a longer pause only, "
                "and without a way back. Set it to logical and restart the server.",
            ),
        ),
        *_too_few(facts),
    )
    return tuple(finding for applies, finding in checks if applies)


def _too_few(facts: DatabaseFacts) -> Iterator[tuple[bool, Finding]]:
    needed = {
        "max_replication_slots": (facts.slots, STREAMS_WANTED),
        "max_wal_senders": (facts.senders, STREAMS_WANTED),
        "max_logical_replication_workers": (facts.logical_workers, STREAMS_WANTED),
        # Parallel queries take theirs from the same ones.
        "max_worker_processes": (facts.workers, STREAMS_WANTED + 8),
    }
    for name, (found, wanted) in needed.items():
        yield (
            found < wanted,
            Finding(
                name,
                False,
                f"{name} is {found}: fewer than five tenants can move to and from it at once. Set "
                f"it to {wanted} at least and restart the server.",
            ),
        )
