"""Steps that make the logins. A login that is there keeps its password: others may use it."""

from psycopg import sql

from sharding.pools.deadline import WEB_STATEMENT_TIMEOUT
from sharding.registry.types import Login, Server
from sharding.schemas import names
from sharding.schemas.preparation.types import DatabaseFacts, Encrypt, Step

_EXISTS = "SELECT to_regrole(quote_ident({role})) IS NOT NULL"
_CREATE = "CREATE ROLE {role} LOGIN PASSWORD {password}"

_ATTRIBUTES = """
    SELECT EXISTS (
        SELECT FROM pg_roles
        WHERE rolname = {role} AND rolcanlogin AND NOT rolsuper
          AND NOT rolbypassrls AND NOT rolcreatedb
          AND rolinherit = {inherit} AND rolcreaterole = {createrole}
          AND rolreplication = {replication}
    )
"""
_ALTER = """
    ALTER ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB {inherit} {createrole} {replication}
"""

_SETTING_DONE = """
    SELECT EXISTS (
        SELECT FROM pg_db_role_setting
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND setrole = to_regrole(quote_ident({role}))
          AND {setting} = ANY (setconfig)
    )
"""
# psycopg looks types up by name on connections that name no tenant.
_SET_PATH = "ALTER ROLE {role} IN DATABASE {database} SET search_path TO {schema}"
_SET_TIMEOUT = "ALTER ROLE {role} IN DATABASE {database} SET statement_timeout TO {timeout}"

_REFERENCE_OWNER_DONE = """
    SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = {role} AND NOT rolcanlogin)
"""

_PUBLISHER_DONE = "SELECT pg_has_role({own}, {role}, 'MEMBER')"

_SWITCHES = ("inherit", "createrole", "replication")

OWN_MAKES_ROLES_SINCE = 160000
"""Before, a role that may create roles may grant itself nearly anything."""


def login_steps(server: Server, facts: DatabaseFacts, encrypt: Encrypt) -> tuple[Step, ...]:
    """web, own, the role maker, the mover, the pooler's, and the owner of reference tables."""
    own_makes_roles = server.role_maker is None and facts.version >= OWN_MAKES_ROLES_SINCE
    steps = [
        *_login(server.web, encrypt, "serves requests and owns nothing"),
        *_login(server.own, encrypt, "owns tables", createrole=own_makes_roles),
    ]
    if server.role_maker is not None:
        steps += _login(server.role_maker, encrypt, "makes roles", createrole=True)
    if server.mover is not None:
        # On 15 a grant cannot say that its member inherits it; only the member's attribute can.
        inherit = facts.version < OWN_MAKES_ROLES_SINCE
        steps += _login(server.mover, encrypt, "moves tenants", replication=True, inherit=inherit)
    if server.pooler is not None:
        steps += _login(server.pooler, encrypt, "looks up for PgBouncer how web proves itself")
    return (
        *steps,
        _web_path(server, facts),
        _web_timeout(server, facts),
        _reference_owner(),
        _reference_publisher(server, facts),
    )


def logins(server: Server) -> tuple[Login, ...]:
    """The logins that this server has."""
    optional = (server.role_maker, server.mover, server.pooler)
    return (server.web, server.own, *(login for login in optional if login is not None))


def _login(login: Login, encrypt: Encrypt, purpose: str, **attributes: bool) -> list[Step]:
    role = sql.Identifier(login.user)
    wanted = {name: attributes.get(name, False) for name in _SWITCHES}
    return [
        Step(
            key=f"login-{login.user}",
            does=f"Make the login {login.user}, which {purpose}",
            done=sql.SQL(_EXISTS).format(role=sql.Literal(login.user)),
            act=(sql.SQL(_CREATE).format(role=role, password=sql.Literal(encrypt(login))),),
        ),
        Step(
            key=f"attributes-{login.user}",
            does=f"Leave {login.user} no attribute that it does not need",
            done=sql.SQL(_ATTRIBUTES).format(
                role=sql.Literal(login.user),
                **{name: sql.Literal(value) for name, value in wanted.items()},
            ),
            act=(
                sql.SQL(_ALTER).format(
                    role=role,
                    **{
                        name: sql.SQL(name.upper() if value else f"NO{name.upper()}")
                        for name, value in wanted.items()
                    },
                ),
            ),
        ),
    ]


def _web_path(server: Server, facts: DatabaseFacts) -> Step:
    return Step(
        key="web-path",
        does="Let web find the types of extensions where no tenant is named",
        done=sql.SQL(_SETTING_DONE).format(
            role=sql.Literal(server.web.user),
            setting=sql.Literal(f"search_path={names.EXTENSIONS}"),
        ),
        act=(
            sql.SQL(_SET_PATH).format(
                role=sql.Identifier(server.web.user),
                database=sql.Identifier(facts.database),
                schema=sql.Identifier(names.EXTENSIONS),
            ),
        ),
    )


def _web_timeout(server: Server, facts: DatabaseFacts) -> Step:
    return Step(
        key="web-timeout",
        does=f"End what web asks after {WEB_STATEMENT_TIMEOUT}, before its client gives up",
        done=sql.SQL(_SETTING_DONE).format(
            role=sql.Literal(server.web.user),
            setting=sql.Literal(f"statement_timeout={WEB_STATEMENT_TIMEOUT}"),
        ),
        act=(
            sql.SQL(_SET_TIMEOUT).format(
                role=sql.Identifier(server.web.user),
                database=sql.Identifier(facts.database),
                timeout=sql.Literal(WEB_STATEMENT_TIMEOUT),
            ),
        ),
    )


def _reference_owner() -> Step:
    role = names.REFERENCE_OWNER
    return Step(
        key="reference-owner",
        does=f"Make the role {role}, which owns reference tables and cannot sign in",
        done=sql.SQL(_REFERENCE_OWNER_DONE).format(role=sql.Literal(role)),
        act=(sql.SQL("CREATE ROLE {} NOLOGIN NOINHERIT").format(sql.Identifier(role)),),
    )


def _reference_publisher(server: Server, facts: DatabaseFacts) -> Step:
    role, own = names.REFERENCE_OWNER, server.own.user
    # On 15 a grant cannot say so, but own is NOINHERIT itself.
    without_inheriting = facts.version >= OWN_MAKES_ROLES_SINCE
    return Step(
        key="reference-publisher",
        does=f"Let {own} publish reference tables as {role}, and only when it says so",
        done=sql.SQL(_PUBLISHER_DONE).format(own=sql.Literal(own), role=sql.Literal(role)),
        act=(
            sql.SQL("GRANT {} TO {}{}").format(
                sql.Identifier(role),
                sql.Identifier(own),
                sql.SQL(" WITH INHERIT FALSE, SET TRUE" if without_inheriting else ""),
            ),
        ),
    )
