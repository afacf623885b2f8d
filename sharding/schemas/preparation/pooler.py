"""Steps that let PgBouncer ask the shard for web's verifier, and for nothing else.

What it asks stands in `sharding.pools.pgbouncer.files`, LOOKUP.
"""

from psycopg import sql

from sharding.registry.types import Server
from sharding.schemas.preparation.types import Step

_BODY = """
    SELECT rolname, rolpassword FROM pg_catalog.pg_authid
    WHERE rolname = {web} AND rolname = wanted AND rolcanlogin
      AND (rolvaliduntil IS NULL OR rolvaliduntil > pg_catalog.now())
"""
_DONE = """
    SELECT EXISTS (
        SELECT FROM pg_proc p JOIN pg_roles o ON o.oid = p.proowner
        WHERE p.oid = to_regprocedure('atoll.pooler_lookup(name)')
          AND prosrc = {body} AND prosecdef AND o.rolsuper
          AND proconfig = ARRAY['search_path=pg_catalog, pg_temp']
          AND NOT EXISTS (
              SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner)))
              WHERE grantee = 0
          )
    ) AND has_function_privilege({pooler}, 'atoll.pooler_lookup(name)', 'EXECUTE')
      AND has_schema_privilege({pooler}, 'atoll', 'USAGE')
"""
# Reads what only a superuser may, so whoever owns it must be one: the administrator.
_CREATE = """
    CREATE FUNCTION atoll.pooler_lookup(wanted name, OUT usename name, OUT passwd text)
    RETURNS SETOF record LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp AS {body}
"""
_DROP = "DROP FUNCTION IF EXISTS atoll.pooler_lookup(name)"
_CLOSE = "REVOKE ALL ON FUNCTION atoll.pooler_lookup(name) FROM PUBLIC"
_OPEN = "GRANT EXECUTE ON FUNCTION atoll.pooler_lookup(name) TO {}"
_SEE = "GRANT USAGE ON SCHEMA atoll TO {}"


def pooler_steps(server: Server) -> tuple[Step, ...]:
    """None where the registry has no login for it."""
    if server.pooler is None:
        return ()
    body = sql.Literal(sql.SQL(_BODY).format(web=sql.Literal(server.web.user)).as_string())
    login = sql.Identifier(server.pooler.user)
    return (
        Step(
            key="pooler-lookup",
            does=f"Let {server.pooler.user} look up how {server.web.user} proves its password",
            done=sql.SQL(_DONE).format(body=body, pooler=sql.Literal(server.pooler.user)),
            act=(
                # What own may have put in its place would keep its owner.
                sql.SQL(_DROP),
                sql.SQL(_CREATE).format(body=body),
                sql.SQL(_CLOSE),
                sql.SQL(_OPEN).format(login),
                sql.SQL(_SEE).format(login),
            ),
            optional=True,
        ),
    )
