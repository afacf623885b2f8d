"""Make a schema that others made one of ours: name, owner, rights, furniture, mark."""

from typing import Final

from psycopg import sql

from sharding.registry.types import Server
from sharding.schemas import names
from sharding.schemas.connections import Connection
from sharding.schemas.services.create_schema import open_schema
from sharding.schemas.services.furnish import furnish
from sharding.schemas.types import Phase

_OWN_SCHEMA: Final = "ALTER SCHEMA {schema} OWNER TO {own}"
_RENAME: Final = "ALTER SCHEMA {before} RENAME TO {schema}"

# Sequences that belong to a column follow their table; indexes and row types always do.
_TO_OWN: Final = """
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW'
                WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
           format('%%I.%%I', %(schema)s::text, c.relname)
    FROM pg_class c
    WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s))
      AND c.relkind IN ('r', 'p', 'S', 'v', 'm', 'f')
      AND pg_get_userbyid(c.relowner) <> %(own)s
      AND NOT EXISTS (
          SELECT FROM pg_depend
          WHERE classid = 'pg_class'::regclass AND objid = c.oid AND refobjsubid > 0
            AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i')
      )
    UNION ALL
    SELECT 'ROUTINE', p.oid::regprocedure::text FROM pg_proc p
    WHERE p.pronamespace = to_regnamespace(quote_ident(%(schema)s))
      AND pg_get_userbyid(p.proowner) <> %(own)s
    UNION ALL
    SELECT CASE t.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END,
           format('%%I.%%I', %(schema)s::text, t.typname)
    FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
    WHERE t.typnamespace = to_regnamespace(quote_ident(%(schema)s))
      AND pg_get_userbyid(t.typowner) <> %(own)s
      AND (t.typtype IN ('d', 'e', 'r') OR c.relkind = 'c')
"""
_GIVE: Final = "ALTER {kind} {name} OWNER TO {own}"

_GRANTEES: Final = """
    SELECT DISTINCT CASE grantee WHEN 0 THEN 'public' ELSE pg_get_userbyid(grantee) END
    FROM (
        SELECT nspacl FROM pg_namespace WHERE nspname = %(schema)s
        UNION ALL
        SELECT relacl FROM pg_class WHERE relnamespace = to_regnamespace(quote_ident(%(schema)s))
        UNION ALL
        SELECT attacl FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
        WHERE c.relnamespace = to_regnamespace(quote_ident(%(schema)s))
    ) given (acl), aclexplode(given.acl)
    WHERE grantee <> to_regrole(quote_ident(%(own)s)) ORDER BY 1
"""
_REVOKE: Final = """
    REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {role};
    REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {role};
    REVOKE ALL ON SCHEMA {schema} FROM {role}
"""

_FURNITURE: Final = """
    SET LOCAL ROLE {own};
    CREATE TABLE {schema}.{permit} ();
    CREATE TABLE {schema}.{heartbeat} (k int PRIMARY KEY, v bigint NOT NULL);
    INSERT INTO {schema}.{heartbeat} VALUES (1, 0), (2, 0);
    REVOKE ALL ON {schema}.{permit}, {schema}.{heartbeat} FROM {schema};
    ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}
        GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {schema};
    ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {schema}
"""
_MARK: Final = """
    INSERT INTO atoll.tenant_schema (schema, phase, epoch) VALUES (%(schema)s, %(phase)s, 0)
"""


def own_schema(connection: Connection, server: Server, schema: str) -> tuple[str, ...]:
    """Give the schema and all that is in it to own, and nobody else any right there.

    Before anything is changed in it: foreign keys are checked as the owners of tables, who must be
    able to look into each other's.

    Returns:
        The roles that had rights in it, and have none now.

    connection: a superuser's, or that of a member of own and of the owner until now; with
        pg_catalog alone on its path.
    Transaction: needs the caller's.
    Locks: ACCESS EXCLUSIVE on every table, until the end.
    """
    own = sql.Identifier(server.own.user)
    home = sql.Identifier(schema)
    connection.execute(sql.SQL(_OWN_SCHEMA).format(schema=home, own=own))
    facts = {"schema": schema, "own": server.own.user}
    for kind, name in connection.execute(_TO_OWN, facts).fetchall():
        # Both come from the catalogue, which has quoted the name.
        connection.execute(sql.SQL(_GIVE).format(kind=sql.SQL(kind), name=sql.SQL(name), own=own))
    strangers = tuple(role for (role,) in connection.execute(_GRANTEES, facts).fetchall())
    for role in strangers:
        grantee = sql.SQL("PUBLIC") if role == "public" else sql.Identifier(role)
        connection.execute(sql.SQL(_REVOKE).format(schema=home, role=grantee))
    return strangers


def take_schema(connection: Connection, server: Server, before: str, schema: str) -> None:
    """Rename `before` to `schema`, furnish it, mark it and open it to its tenant.

    It is opened at once: whoever builds on a schema that is still INCOMING may drop it after a
    crash, and this one is the only copy of its data. That nobody is served is the placement's
    affair.

    connection: as for `own_schema`, which was called before.
    Transaction: needs the caller's; from here on it acts as own.
    """
    own, home = sql.Identifier(server.own.user), sql.Identifier(schema)
    connection.execute(sql.SQL(_RENAME).format(before=sql.Identifier(before), schema=home))
    connection.execute(
        sql.SQL(_FURNITURE).format(
            schema=home,
            own=own,
            permit=sql.Identifier(names.WRITE_PERMIT),
            heartbeat=sql.Identifier(names.HEARTBEAT),
        )
    )
    furnish(connection.execute, schema)
    connection.execute(_MARK, {"schema": schema, "phase": Phase.INCOMING.value})
    open_schema(connection, schema)
