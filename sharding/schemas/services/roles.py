"""Tenant roles: made ahead in batches, counted against what a server bears."""

from collections.abc import Collection
from datetime import timedelta

import psycopg
from psycopg import sql

from sharding.registry.types import Server
from sharding.schemas.connections import Connection, Patience, role_maker_connection
from sharding.schemas.errors import RoleCapReached
from sharding.scope.types import TENANT_ID_PATTERN

ROLES_PER_TRANSACTION = 500
"""Every GRANT keeps a lock until the end; some ten thousand fill the lock table."""

_FIRST_GOOD_VERSION = 160000
_CAP_BEFORE = 1_000
_CAP_SINCE = 5_000

# Role makers of one server take turns, so that two batches with a name in common cannot deadlock
# and the cap is counted right. Roles belong to the server, but so does this lock's database: two
# databases of one server may still overshoot the cap by a batch.
_TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtext('atoll.make_roles'))"

_COUNT = """
    SELECT count(*) FROM pg_auth_members
    WHERE member = to_regrole(quote_ident(%(web)s))
"""

_MISSING = """
    SELECT wanted.name, made.oid IS NULL AS to_create
    FROM unnest(%(names)s::text[]) AS wanted (name)
    LEFT JOIN pg_roles made ON made.rolname = wanted.name
    WHERE NOT EXISTS (
        SELECT FROM pg_auth_members
        WHERE roleid = made.oid AND member = to_regrole(quote_ident(%(web)s))
    )
    ORDER BY wanted.name
"""

_CREATE = "CREATE ROLE {role} NOLOGIN NOINHERIT"
_GRANT = "GRANT {roles} TO {web}"
_GRANT_WITHOUT_INHERITING = "GRANT {roles} TO {web} WITH INHERIT FALSE, SET TRUE"


def role_cap(server_version: int) -> int:
    """How many tenant roles a server bears.

    Granting one makes every session rebuild its list of memberships, which on PostgreSQL 15 takes
    longer by an order of magnitude.
    """
    return _CAP_SINCE if server_version >= _FIRST_GOOD_VERSION else _CAP_BEFORE


def count_roles(connection: Connection, server: Server) -> int:
    """How many tenant roles this server has, used or not."""
    row = connection.execute(_COUNT, {"web": server.web.user}).fetchone()
    return row[0] if row else 0


def make_roles(server: Server, names: Collection[str], *, cap: int | None = None) -> int:
    """Create the roles that are missing, make web a member of each, and return how many.

    `cap` overrides what this PostgreSQL version bears. Nothing is made beyond it.

    Transaction: one per ROLES_PER_TRANSACTION names, on a connection of its own.
    Idempotent: by name.

    Raises:
        RoleCapReached: the server would hold more than it bears; no role of this batch was made.
        ServerUnreachable: what was committed stays; call it again.
    """
    for name in names:
        if not TENANT_ID_PATTERN.fullmatch(name):
            raise ValueError(f"{name!r} is no tenant id ({TENANT_ID_PATTERN.pattern})")
    ordered = sorted(names)
    patience = Patience(statement=timedelta(seconds=60), lock=timedelta(seconds=30))
    made = 0
    with role_maker_connection(server, patience) as connection:
        for start in range(0, len(ordered), ROLES_PER_TRANSACTION):
            batch = ordered[start : start + ROLES_PER_TRANSACTION]
            with connection.transaction():
                made += _make_batch(connection, server, batch, cap)
    return made


def _make_batch(connection: Connection, server: Server, names: list[str], cap: int | None) -> int:
    connection.execute(_TAKE_TURNS)
    version = connection.info.server_version
    missing = connection.execute(_MISSING, {"names": names, "web": server.web.user}).fetchall()
    if not missing:
        return 0
    have = count_roles(connection, server)
    bears = role_cap(version) if cap is None else cap
    if have + len(missing) > bears:
        raise RoleCapReached(server.name, have, bears)
    for name, to_create in missing:
        if to_create:
            connection.execute(sql.SQL(_CREATE).format(role=sql.Identifier(name)))
    grant = _GRANT_WITHOUT_INHERITING if version >= _FIRST_GOOD_VERSION else _GRANT
    connection.execute(
        sql.SQL(grant).format(
            roles=sql.SQL(", ").join(sql.Identifier(name) for name, _ in missing),
            web=sql.Identifier(server.web.user),
        )
    )
    return len(missing)


def drop_role(server: Server, name: str) -> bool:
    """Drop one tenant role; False when it is still in use (then nothing changed).

    Roles belong to the server, so a role may have rights in a database that we do not see: the
    server refuses then, and that is the answer.

    Idempotent: a role that is gone counts as dropped.
    """
    with role_maker_connection(server) as connection:
        try:
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(name)))
        except psycopg.errors.DependentObjectsStillExist:
            return False
    return True
