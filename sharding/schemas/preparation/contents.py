"""Steps that make the schemas every shard has, and what lies in `atoll`."""

from importlib.resources import files

from psycopg import sql

from sharding.registry.types import Server
from sharding.schemas import names
from sharding.schemas.preparation.types import Statement, Step

_GUARD_BODY = (files(__package__) / "guard.sql").read_text("utf-8")
_SUPPORT = (files(__package__) / "support.sql").read_text("utf-8")

_SCHEMA_OWNED = """
    SELECT EXISTS (
        SELECT FROM pg_namespace
        WHERE nspname = {schema} AND pg_get_userbyid(nspowner) = {owner}
    )
"""
_DEFAULT_TABLE_PRIVILEGE = """
    ALTER DEFAULT PRIVILEGES FOR ROLE {} IN SCHEMA {} GRANT {} ON TABLES TO {}
"""
_PUBLIC_MAY_LOOK = """
    AND EXISTS (
        SELECT FROM pg_namespace, aclexplode(nspacl)
        WHERE nspname = {schema} AND grantee = 0 AND privilege_type = 'USAGE'
    )
"""

_SUPPORT_DONE = """
    SELECT to_regclass('atoll.server') IS NOT NULL
       AND to_regclass('atoll.reference_version') IS NOT NULL
       AND EXISTS (
           SELECT FROM pg_attribute
           WHERE attrelid = to_regclass('atoll.tenant_schema') AND attname = 'changed_at'
       )
       AND pg_get_userbyid((SELECT relowner FROM pg_class
                            WHERE oid = to_regclass('atoll.tenant_schema'))) = {own}
"""

_GUARD_DONE = """
    SELECT EXISTS (
        SELECT FROM pg_proc
        WHERE oid = to_regprocedure('atoll.guard()') AND prosrc = {body}
          AND pg_get_userbyid(proowner) = {own}
    )
"""
_CREATE_GUARD = """
    CREATE OR REPLACE FUNCTION atoll.guard() RETURNS trigger LANGUAGE plpgsql AS {body}
"""

_NAME_DONE = """
    SELECT EXISTS (
        SELECT FROM atoll.server WHERE name = {name} AND incarnation = {incarnation}
    ) AND has_schema_privilege({web}, 'atoll', 'USAGE')
      AND has_table_privilege({web}, 'atoll.server', 'SELECT')
"""
_SET_NAME = """
    INSERT INTO atoll.server (name, incarnation) VALUES ({name}, {incarnation})
    ON CONFLICT (only_row) DO UPDATE SET name = EXCLUDED.name, incarnation = EXCLUDED.incarnation
"""


def content_steps(server: Server) -> tuple[Step, ...]:
    """The schemas `atoll`, `reference` and `extensions`, the support tables and the guard."""
    return (
        _own_schema(server),
        _reference_schema(server),
        _extensions_schema(server),
        _support_tables(server),
        _guard_function(server),
        _server_name(server),
    )


def _own_schema(server: Server) -> Step:
    return Step(
        key="support-schema",
        does="Make the schema atoll, owned by own",
        done=_owned(names.SUPPORT, server.own.user),
        act=_make_schema(names.SUPPORT, server.own.user),
    )


def _reference_schema(server: Server) -> Step:
    owner, own = sql.Identifier(names.REFERENCE_OWNER), sql.Identifier(server.own.user)
    reference = sql.Identifier(names.REFERENCE)
    privileges = sql.SQL(_DEFAULT_TABLE_PRIVILEGE)
    return Step(
        key="reference-schema",
        does="Make the schema reference, owned by refown and readable by all; own may refer to "
        "its tables and not write them",
        # PUBLIC are our own logins and the tenants' roles: nobody else may connect. A grant per
        # tenant would put thousands of entries on every table.
        done=sql.Composed(
            [
                _owned(names.REFERENCE, names.REFERENCE_OWNER),
                _open_to_all(names.REFERENCE),
                sql.SQL(
                    " AND EXISTS (SELECT FROM pg_default_acl, aclexplode(defaclacl)"
                    " WHERE defaclnamespace = to_regnamespace({})"
                    " AND grantee = to_regrole(quote_ident({})) AND privilege_type = 'REFERENCES')"
                ).format(sql.Literal(names.REFERENCE), sql.Literal(server.own.user)),
            ]
        ),
        act=(
            *_make_schema(names.REFERENCE, names.REFERENCE_OWNER),
            sql.SQL("GRANT USAGE ON SCHEMA {} TO PUBLIC").format(reference),
            privileges.format(owner, reference, sql.SQL("SELECT"), sql.SQL("PUBLIC")),
            privileges.format(owner, reference, sql.SQL("REFERENCES"), own),
        ),
    )


def _extensions_schema(server: Server) -> Step:
    schema = sql.Identifier(names.EXTENSIONS)
    return Step(
        key="extensions-schema",
        does="Make the schema extensions, owned by own and open to all",
        done=sql.Composed(
            [_owned(names.EXTENSIONS, server.own.user), _open_to_all(names.EXTENSIONS)]
        ),
        act=(
            *_make_schema(names.EXTENSIONS, server.own.user),
            sql.SQL("GRANT USAGE ON SCHEMA {} TO PUBLIC").format(schema),
        ),
    )


def _support_tables(server: Server) -> Step:
    return Step(
        key="support-tables",
        does="Make atoll.server, atoll.tenant_schema and atoll.reference_version",
        done=sql.SQL(_SUPPORT_DONE).format(own=sql.Literal(server.own.user)),
        act=_as_own(server, sql.SQL(_SUPPORT)),
    )


def _guard_function(server: Server) -> Step:
    body = sql.Literal(_GUARD_BODY)
    return Step(
        key="guard",
        does="Make the guard function",
        done=sql.SQL(_GUARD_DONE).format(body=body, own=sql.Literal(server.own.user)),
        act=_as_own(server, sql.SQL(_CREATE_GUARD).format(body=body)),
    )


def _server_name(server: Server) -> Step:
    parts = {
        "name": sql.Literal(server.name),
        "incarnation": sql.Literal(server.incarnation),
    }
    web = sql.Identifier(server.web.user)
    return Step(
        key="server-name",
        does=f"Write down that this is shard {server.name}, incarnation {server.incarnation}, "
        "for web to read",
        done=sql.SQL(_NAME_DONE).format(web=sql.Literal(server.web.user), **parts),
        act=_as_own(
            server,
            sql.SQL(_SET_NAME).format(**parts),
            sql.SQL("GRANT USAGE ON SCHEMA atoll TO {}").format(web),
            sql.SQL("GRANT SELECT ON atoll.server TO {}").format(web),
        ),
    )


def _make_schema(schema: str, owner: str) -> tuple[Statement, ...]:
    name, role = sql.Identifier(schema), sql.Identifier(owner)
    return (
        sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name),
        sql.SQL("ALTER SCHEMA {} OWNER TO {}").format(name, role),
    )


def _as_own(server: Server, *statements: Statement) -> tuple[Statement, ...]:
    own = sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(server.own.user))
    return (own, *statements)


def _owned(schema: str, owner: str) -> sql.Composed:
    return sql.SQL(_SCHEMA_OWNED).format(schema=sql.Literal(schema), owner=sql.Literal(owner))


def _open_to_all(schema: str) -> sql.Composed:
    return sql.SQL(_PUBLIC_MAY_LOOK).format(schema=sql.Literal(schema))
