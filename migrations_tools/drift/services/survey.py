"""Look at shards: one connection and a handful of queries each, however many schemas there are."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import psycopg

from migrations_tools.drift.types import SchemaSeen, ShardSeen
from sharding.pools.outages import without_rows
from sharding.registry.types import Server
from sharding.schemas import names
from sharding.schemas.connections import Connection, Patience, own_connection
from sharding.schemas.errors import ServerUnreachable
from sharding.schemas.services.markers import read_markers
from sharding.schemas.types import Marker
from sharding.scope.types import TENANT_ID_PATTERN

_AT_ONCE: Final = 20
TEMPLATE_NAMES: Final = "^tmpl_[0-9a-f]{12}$"

_SERVER = "SELECT name, incarnation, pg_is_in_recovery() FROM atoll.server"

# Roles that web may become: tenants' roles and nothing else.
_ROLES = """
    SELECT pg_get_userbyid(roleid) FROM pg_auth_members
    WHERE member = to_regrole(quote_ident(%(web)s))
"""

# A schema is a tenant's when it is marked as one, or has a tenant's role.
_SCHEMAS = """
    SELECT n.nspname, role.oid IS NOT NULL,
           role.oid IS NOT NULL AND has_schema_privilege(role.oid, n.oid, 'USAGE'),
           role.oid IS NOT NULL AND permit.oid IS NOT NULL
               AND has_table_privilege(role.oid, permit.oid, 'REFERENCES')
    FROM pg_namespace n
    LEFT JOIN pg_roles role ON role.rolname = n.nspname
    LEFT JOIN LATERAL (
        SELECT CASE WHEN has_schema_privilege(n.oid, 'USAGE')
            THEN to_regclass(format('%%I.%%I', n.nspname, %(permit)s::text)) END AS oid
    ) permit ON true
    WHERE n.nspname = ANY (%(names)s)
"""

# All schemas at once: one pass over the shard's tables, however many schemas it has.
_UNGUARDED = """
    SELECT n.nspname, c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p')
      AND c.relname NOT IN (%(permit)s, %(heartbeat)s)
      AND n.nspname = ANY (%(names)s)
      AND NOT EXISTS (
          SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = %(guard)s
      )
    ORDER BY n.nspname, c.relname
"""

# Whoever builds in a template has a session whose lock says so; a killed one's lock is gone.
_TEMPLATES = """
    SELECT nspname FROM pg_namespace
    WHERE nspname ~ %(pattern)s
      AND NOT EXISTS (
          SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted
            AND classid = (hashtext('atoll.template')::bigint & 4294967295)::oid
            AND objid = (hashtext(nspname)::bigint & 4294967295)::oid
      )
    ORDER BY nspname
"""

# The pass over all tables of a shard of thousands of schemas takes a second or two.
_PATIENCE = Patience()


def look_at_shards(
    servers: Mapping[str, Server | None], *, schemas: Collection[str] | None = None
) -> list[ShardSeen]:
    """What is on each of them, by name; None: this machine has no address of it."""
    # Threads without our context: they only ask, on connections of their own.
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        look = partial(_look_if_there, schemas=schemas)
        return list(pool.map(look, sorted(servers), (servers[name] for name in sorted(servers))))


def _look_if_there(
    name: str, server: Server | None, *, schemas: Collection[str] | None
) -> ShardSeen:
    if server is None:
        return ShardSeen(name, problem="it has no address in this machine's registry.")
    return look_at_shard(server, schemas=schemas)


def look_at_shard(server: Server, *, schemas: Collection[str] | None = None) -> ShardSeen:
    """What is on `server`: all of it, or only what concerns `schemas`.

    Never raises for a server that is down; that is an answer too.

    Transaction: none; what changes meanwhile is told apart by reading the directory twice.
    """
    try:
        with own_connection(server, _PATIENCE) as connection:
            return _look(connection, server, schemas)
    except ServerUnreachable as error:
        return ShardSeen(server.name, problem=f"it does not answer ({error.reason}).")
    except psycopg.errors.UndefinedTable:
        return ShardSeen(server.name, unprepared=True)
    except psycopg.Error as error:
        return ShardSeen(server.name, problem=without_rows(error))


def _look(connection: Connection, server: Server, only: Collection[str] | None) -> ShardSeen:
    row = connection.execute(_SERVER).fetchone()
    if row is None:
        return ShardSeen(server.name, unprepared=True)
    server_name, incarnation, in_recovery = row
    markers = read_markers(connection, only)
    roles = frozenset(
        role
        for (role,) in connection.execute(_ROLES, {"web": server.web.user})
        if TENANT_ID_PATTERN.fullmatch(role)
    )
    wanted = sorted(markers.keys() | (roles if only is None else set(only)))
    templates: tuple[str, ...] = ()
    if only is None:
        found = connection.execute(_TEMPLATES, {"pattern": TEMPLATE_NAMES})
        templates = tuple(name for (name,) in found)
    return ShardSeen(
        name=server.name,
        server_name=server_name,
        incarnation=incarnation,
        in_recovery=in_recovery,
        major=connection.info.server_version // 10000,
        schemas=_schemas(connection, markers, wanted),
        roles=roles if only is None else frozenset(),
        templates=templates,
    )


def _schemas(
    connection: Connection, markers: dict[str, Marker], wanted: list[str]
) -> dict[str, SchemaSeen]:
    facts = {
        "names": wanted,
        "permit": names.WRITE_PERMIT,
        "heartbeat": names.HEARTBEAT,
        "guard": names.GUARD,
    }
    unguarded: defaultdict[str, list[str]] = defaultdict(list)
    for schema, table in connection.execute(_UNGUARDED, facts):
        unguarded[schema].append(table)
    seen = {name: SchemaSeen(name, exists=False, marker=marker) for name, marker in markers.items()}
    for name, has_role, usage, permit in connection.execute(_SCHEMAS, facts):
        seen[name] = SchemaSeen(
            name,
            exists=True,
            marker=markers.get(name),
            has_role=has_role,
            usage=usage,
            permit=permit,
            unguarded=tuple(unguarded[name]),
        )
    return seen
