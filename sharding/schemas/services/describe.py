"""Say what a schema is and which furniture it lacks; say what a shard holds."""

from collections.abc import Iterator

from sharding.backend.identity import WHO
from sharding.registry.types import Server
from sharding.schemas import names
from sharding.schemas.connections import BRIEF, Connection, own_connection
from sharding.schemas.services.markers import read_marker
from sharding.schemas.services.roles import count_roles, role_cap
from sharding.schemas.types import (
    SPARE,
    Guard,
    Phase,
    SchemaDescription,
    ShardSurvey,
    TableState,
)

_SCHEMA = """
    SELECT n.oid, pg_get_userbyid(n.nspowner),
           has_schema_privilege(%(schema)s, n.oid, 'USAGE'),
           to_regclass(format('%%I.%%I', %(schema)s::text, %(permit)s::text)) IS NOT NULL,
           to_regclass(format('%%I.%%I', %(schema)s::text, %(heartbeat)s::text)) IS NOT NULL,
           (SELECT count(*) FROM pg_default_acl WHERE defaclnamespace = n.oid
            AND defaclrole = n.nspowner)
    FROM pg_namespace n WHERE n.nspname = %(schema)s
      AND to_regrole(quote_ident(%(schema)s)) IS NOT NULL
"""

_RIGHTS_ON_FURNITURE = """
    SELECT has_table_privilege(role::name, format('%%I.%%I', role, %(permit)s::text), 'REFERENCES'),
           has_table_privilege(role::name, format('%%I.%%I', role, %(heartbeat)s::text),
                               'INSERT, UPDATE, DELETE, TRUNCATE')
    FROM (SELECT %(schema)s::text AS role) tenant
"""

# By pg_depend: pg_class has no index by namespace.
_RELATIONS = """
    WITH mine AS (
        SELECT c.* FROM pg_class c WHERE c.oid IN (
            SELECT objid FROM pg_depend
            WHERE refclassid = 'pg_namespace'::regclass AND refobjid = %(oid)s
              AND classid = 'pg_class'::regclass
        )
    )
    SELECT c.relname, c.relkind::text, pg_get_userbyid(c.relowner),
           (SELECT t.tgenabled <> 'D' FROM pg_trigger t
            WHERE t.tgrelid = c.oid AND t.tgname = %(guard)s),
           has_table_privilege(%(schema)s, c.oid, 'SELECT'),
           has_table_privilege(%(schema)s, c.oid, 'INSERT')
               AND has_table_privilege(%(schema)s, c.oid, 'UPDATE')
               AND has_table_privilege(%(schema)s, c.oid, 'DELETE'),
           CASE WHEN c.relkind = 'r' THEN coalesce(pg_total_relation_size(c.oid), 0) ELSE 0 END,
           c.relkind = 'v'
               AND NOT coalesce('security_invoker=true' = ANY (c.reloptions)
                                OR 'security_invoker=on' = ANY (c.reloptions), false)
    FROM mine c
    WHERE c.relkind IN ('r', 'p', 'v')
    ORDER BY c.relname
"""

_DEFINER_FUNCTIONS = """
    SELECT p.oid::regprocedure::text FROM pg_proc p
    WHERE p.prosecdef AND p.oid IN (
        SELECT objid FROM pg_depend
        WHERE refclassid = 'pg_namespace'::regclass AND refobjid = %(oid)s
          AND classid = 'pg_proc'::regclass
    )
"""

_PHASES = "SELECT phase, count(*) FROM atoll.tenant_schema GROUP BY phase"
_HALF_MADE = """
    SELECT schema FROM atoll.tenant_schema
    WHERE (phase = 'incoming' OR unfinished IS NOT NULL
           -- Without a schema it is only there so that a late mover is known.
           OR phase = 'tombstone' AND to_regnamespace(quote_ident(schema)) IS NOT NULL)
      AND NOT (phase = 'incoming' AND starts_with(coalesce(unfinished, ''), %(spare)s))
      -- A copy of a move, which its mover opens or takes away.
      AND NOT (phase = 'incoming' AND move_id IS NOT NULL)
    ORDER BY schema
"""
_COPIES = """
    SELECT schema FROM atoll.tenant_schema
    WHERE phase = 'incoming' AND move_id IS NOT NULL ORDER BY schema
"""
_SPARES = """
    SELECT count(*) FROM atoll.tenant_schema
    WHERE phase = 'incoming' AND starts_with(unfinished, %(spare)s)
"""
_SIZE = "SELECT pg_database_size(current_database())"

_FURNITURE = frozenset({names.WRITE_PERMIT, names.HEARTBEAT})


def describe(server: Server, schema: str) -> SchemaDescription:
    """What `schema` is on `server`, and what it lacks.

    Raises:
        ServerUnreachable: within seconds.
    """
    with own_connection(server, BRIEF) as connection:
        return describe_on(connection, server, schema)


def describe_on(connection: Connection, server: Server, schema: str) -> SchemaDescription:
    """As `describe`, on an owner connection that is there."""
    marker = read_marker(connection, schema)
    facts = {
        "schema": schema,
        "permit": names.WRITE_PERMIT,
        "heartbeat": names.HEARTBEAT,
        "guard": names.GUARD,
    }
    row = connection.execute(_SCHEMA, facts).fetchone()
    if row is None:
        gone = () if marker is None else (f"schema or role {schema} is not there",)
        return SchemaDescription(schema, exists=False, marker=marker, lacks=gone)
    oid, owner, usage, has_permit, has_heartbeat, defaults = row
    lacks = [
        sentence
        for wrong, sentence in (
            (marker is None, "it has no row in atoll.tenant_schema"),
            (owner != server.own.user, f"it belongs to {owner}"),
            (not has_permit, f"the table {names.WRITE_PERMIT} is missing"),
            (not has_heartbeat, f"the table {names.HEARTBEAT} is missing"),
            (defaults < len("rS"), "default privileges for tables or sequences are missing"),
        )
        if wrong
    ]
    permit = False
    if has_permit and has_heartbeat:
        permit, beats = connection.execute(_RIGHTS_ON_FURNITURE, facts).fetchone() or (False, True)
        if beats:
            lacks.append(f"the tenant may write to {names.HEARTBEAT}")
    if marker is not None:
        lacks += _contradictions(marker.phase, permit=permit, usage=usage)
    tables, size, about_relations = _relations(connection, server, {**facts, "oid": oid})
    lacks += about_relations
    lacks += [
        f"function {signature} runs as its definer, who owns every tenant"
        for (signature,) in connection.execute(_DEFINER_FUNCTIONS, {"oid": oid})
    ]
    return SchemaDescription(
        schema,
        exists=True,
        marker=marker,
        tables=tables,
        permit=permit,
        usage=usage,
        bytes=size,
        lacks=tuple(lacks),
    )


def survey(server: Server) -> ShardSurvey:
    """What this shard holds, in one short look.

    Raises:
        ServerUnreachable: within seconds, however it is down.
    """
    with own_connection(server, BRIEF) as connection:
        version = connection.info.server_version
        size = connection.execute(_SIZE).fetchone()
        incarnation, in_recovery = connection.execute(WHO).fetchone() or (0, False)
        spares = connection.execute(_SPARES, {"spare": SPARE}).fetchone()
        half_made = connection.execute(_HALF_MADE, {"spare": SPARE})
        copies = connection.execute(_COPIES)
        return ShardSurvey(
            major=version // 10000,
            incarnation=incarnation,
            in_recovery=in_recovery,
            bytes=size[0] if size else 0,
            roles=count_roles(connection, server),
            role_cap=role_cap(version),
            phases={Phase(phase): count for phase, count in connection.execute(_PHASES)},
            half_made=tuple(schema for (schema,) in half_made),
            copies=tuple(schema for (schema,) in copies),
            spares=spares[0] if spares else 0,
        )


def _contradictions(phase: Phase, *, permit: bool, usage: bool) -> Iterator[str]:
    expected = {
        Phase.INCOMING: (False, False),
        Phase.ACTIVE: (True, True),
        Phase.FENCED: (False, True),
        Phase.SEALED: (False, False),
        Phase.TOMBSTONE: (None, False),
    }
    wants_permit, wants_usage = expected[phase]
    if wants_permit is not None and permit is not wants_permit:
        yield f"it is {phase}, and its write permit is {'given' if permit else 'revoked'}"
    if usage is not wants_usage:
        yield f"it is {phase}, and its tenant {'may' if usage else 'may not'} look into it"


def _relations(
    connection: Connection, server: Server, facts: dict[str, object]
) -> tuple[tuple[TableState, ...], int, list[str]]:
    tables: list[TableState] = []
    lacks: list[str] = []
    size = 0
    for name, kind, owner, armed, readable, writable, held, definer in connection.execute(
        _RELATIONS, facts
    ):
        if name in _FURNITURE:
            continue
        size += held
        if kind == "v":
            if definer:
                lacks.append(f"view {name} runs as its owner, who owns every tenant")
            continue
        guard = {None: Guard.MISSING, False: Guard.DISARMED, True: Guard.ARMED}[armed]
        tables.append(TableState(name, owner, guard, readable, writable))
        if guard is Guard.MISSING:
            lacks.append(f"table {name} has no guard")
        if owner != server.own.user:
            lacks.append(f"table {name} belongs to {owner}")
        if not (readable and writable):
            lacks.append(f"table {name} lacks its tenant's rights")
    if len({table.guard for table in tables} - {Guard.MISSING}) > 1:
        lacks.append("some guards are armed and some are not")
    return tuple(tables), size, lacks
