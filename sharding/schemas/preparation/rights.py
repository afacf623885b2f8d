"""Steps that take from PUBLIC what would let a tenant's statement out of its schema."""

from dataclasses import replace

from psycopg import sql

from sharding.registry.types import Server
from sharding.schemas.preparation.logins import logins
from sharding.schemas.preparation.types import DatabaseFacts, Statement, Step

_ONLY_OURS_CONNECT = """
    SELECT NOT EXISTS (
        SELECT FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
        WHERE datname = current_database() AND grantee = 0
    ) AND {all_connect}
"""
_MAY_CONNECT = "has_database_privilege({login}, current_database(), 'CONNECT')"

_PUBLIC_CLOSED = """
    SELECT NOT EXISTS (
        SELECT FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner)))
        WHERE nspname = 'public' AND grantee = 0
    )
"""

_SET_CONFIG_CLOSED = """
    SELECT NOT EXISTS (
        SELECT FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
        WHERE oid = 'pg_catalog.set_config(text,text,boolean)'::regprocedure AND grantee = 0
    ) AND {all_execute}
"""
_MAY_SET_CONFIG = (
    "has_function_privilege({login}, 'pg_catalog.set_config(text,text,boolean)', 'EXECUTE')"
)

_PLPGSQL_CLOSED = """
    SELECT NOT EXISTS (
        SELECT FROM pg_language, aclexplode(coalesce(lanacl, acldefault('l', lanowner)))
        WHERE lanname = 'plpgsql' AND grantee = 0
    ) AND has_language_privilege({own}, 'plpgsql', 'USAGE')
"""

_SESSION_LOCKS = (
    "pg_advisory_lock(bigint)",
    "pg_advisory_lock(int,int)",
    "pg_advisory_lock_shared(bigint)",
    "pg_advisory_lock_shared(int,int)",
    "pg_try_advisory_lock(bigint)",
    "pg_try_advisory_lock(int,int)",
    "pg_try_advisory_lock_shared(bigint)",
    "pg_try_advisory_lock_shared(int,int)",
)

_SESSION_LOCKS_CLOSED = """
    SELECT NOT EXISTS (
        SELECT FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner)))
        WHERE oid = ANY ({functions}::text[]::regprocedure[]) AND grantee = 0
    )
"""


def right_steps(server: Server, facts: DatabaseFacts) -> tuple[Step, ...]:
    """The database, schema public, ways to change the role, and what outlives a statement."""
    return (
        _database_rights(server, facts),
        _public_schema(),
        _set_config(server),
        _plpgsql(server),
        _session_locks(server),
    )


def _database_rights(server: Server, facts: DatabaseFacts) -> Step:
    database = sql.Identifier(facts.database)
    return Step(
        key="database-rights",
        does="Take the database from PUBLIC (no temporary tables); let our logins connect, "
        "and own create schemas",
        done=sql.SQL(_ONLY_OURS_CONNECT).format(
            all_connect=sql.SQL(" AND ").join(
                (
                    *_each(_MAY_CONNECT, server),
                    sql.SQL("has_database_privilege({}, current_database(), 'CREATE')").format(
                        sql.Literal(server.own.user)
                    ),
                )
            )
        ),
        act=(
            sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database),
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, _names(server)),
            sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
                database, sql.Identifier(server.own.user)
            ),
        ),
    )


def _public_schema() -> Step:
    return Step(
        key="public-schema",
        does="Take the schema public from PUBLIC: nothing falls through to it",
        done=sql.SQL(_PUBLIC_CLOSED).format(),
        act=(sql.SQL("REVOKE ALL ON SCHEMA public FROM PUBLIC"),),
    )


def _set_config(server: Server) -> Step:
    without_pooler = replace(server, pooler=None)
    return Step(
        key="set-config",
        does="Let only our logins call set_config(): one SELECT could change the role with it",
        done=sql.SQL(_SET_CONFIG_CLOSED).format(
            all_execute=sql.SQL(" AND ").join(_each(_MAY_SET_CONFIG, without_pooler))
        ),
        act=(
            sql.SQL(
                "GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text,text,boolean) TO {}"
            ).format(_names(without_pooler)),
            sql.SQL(
                "REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text,text,boolean) FROM PUBLIC"
            ),
        ),
        optional=True,
    )


def _plpgsql(server: Server) -> Step:
    return Step(
        key="plpgsql",
        does="Let only own use plpgsql: a DO block could change the role",
        done=sql.SQL(_PLPGSQL_CLOSED).format(own=sql.Literal(server.own.user)),
        act=(
            sql.SQL("GRANT USAGE ON LANGUAGE plpgsql TO {}").format(
                sql.Identifier(server.own.user)
            ),
            sql.SQL("REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC"),
        ),
        optional=True,
    )


def _session_locks(server: Server) -> Step:
    functions = sql.SQL(", ").join(sql.SQL(name) for name in _SESSION_LOCKS)
    return Step(
        key="session-locks",
        does="Let only own take advisory locks that stay on a session (those of a transaction stay "
        "allowed): through a pooler, nobody would give them back",
        done=sql.SQL(_SESSION_LOCKS_CLOSED).format(functions=sql.Literal(list(_SESSION_LOCKS))),
        act=(
            sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(functions),
            sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(
                functions, sql.Identifier(server.own.user)
            ),
        ),
        optional=True,
    )


def _each(question: str, server: Server) -> list[Statement]:
    return [sql.SQL(question).format(login=sql.Literal(one.user)) for one in logins(server)]


def _names(server: Server) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(one.user) for one in logins(server))
