"""The database of a server and its logins.

What else a shard needs, the mover's rights among it, comes from `sharding.schemas` (prepare_shard);
the control database's tables come from Django's migrations.
"""

from collections.abc import Mapping

import psycopg
from psycopg import sql

from sharding.pools.deadline import WEB_STATEMENT_TIMEOUT

ROLE_MAKER_BELOW = 16
"""Below, CREATEROLE is nearly everything, so `own` has not got it and `rolemaker` has."""

_HAS_DATABASE = "SELECT 1 FROM pg_database WHERE datname = %s"
_CREATE_DATABASE = sql.SQL("CREATE DATABASE {database}")
_CREATE_LOGIN = sql.SQL(
    """
    DO $do$ BEGIN
        CREATE ROLE {login};
    EXCEPTION WHEN duplicate_object THEN NULL;
    END $do$
    """
)
_SET_SUPERUSER = sql.SQL("ALTER ROLE CURRENT_USER PASSWORD {password}")
_SET_LOGIN = {
    "web": sql.SQL("ALTER ROLE {login} LOGIN NOINHERIT PASSWORD {password}"),
    "own": sql.SQL("ALTER ROLE {login} LOGIN CREATEROLE PASSWORD {password}"),
    "own without CREATEROLE": sql.SQL("ALTER ROLE {login} LOGIN PASSWORD {password}"),
    "rolemaker": sql.SQL("ALTER ROLE {login} LOGIN CREATEROLE PASSWORD {password}"),
    "mover": sql.SQL("ALTER ROLE {login} LOGIN REPLICATION PASSWORD {password}"),
}
_LET_OWN_CREATE = sql.SQL("GRANT CREATE ON DATABASE {database} TO own")
_CLOSE_CONTROL = sql.SQL(
    """
    REVOKE ALL ON DATABASE {database} FROM PUBLIC;
    GRANT CONNECT ON DATABASE {database} TO web, own;
    ALTER ROLE web IN DATABASE {database} SET statement_timeout TO {timeout}
    """
)
_OWN_CONTROL_TABLES = sql.SQL(
    """
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    ALTER SCHEMA public OWNER TO own;
    GRANT USAGE ON SCHEMA public TO web;
    ALTER DEFAULT PRIVILEGES FOR ROLE own IN SCHEMA public
        GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO web;
    ALTER DEFAULT PRIVILEGES FOR ROLE own IN SCHEMA public
        GRANT USAGE, SELECT ON SEQUENCES TO web
    """
)


def logins_of(server: str, major: int) -> tuple[str, ...]:
    """The logins that a server of that name and version has."""
    if server == "control":
        return ("web", "own")
    return ("web", "own", "mover", *(("rolemaker",) if major < ROLE_MAKER_BELOW else ()))


def ensure_database(conninfo: str, database: str, *, password: str) -> None:
    """Make `database`, and `password` the superuser's, whose way to `postgres` `conninfo` is.

    Idempotent.
    """
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(_SET_SUPERUSER.format(password=sql.Literal(password)))
        if connection.execute(_HAS_DATABASE, [database]).fetchone() is None:
            connection.execute(_CREATE_DATABASE.format(database=sql.Identifier(database)))


def ensure_logins(conninfo: str, server: str, database: str, passwords: Mapping[str, str]) -> None:
    """Make the logins of `passwords` with these passwords and their rights. Idempotent.

    `conninfo` leads a superuser to `database`.
    Transaction: one of its own.
    """
    name = sql.Identifier(database)
    with psycopg.connect(conninfo) as connection:
        for login, password in passwords.items():
            connection.execute(_CREATE_LOGIN.format(login=sql.Identifier(login)))
            kind = "own without CREATEROLE" if _is_plain_own(server, login, passwords) else login
            connection.execute(
                _SET_LOGIN[kind].format(login=sql.Identifier(login), password=sql.Literal(password))
            )
        connection.execute(_LET_OWN_CREATE.format(database=name))
        if server == "control":
            connection.execute(
                _CLOSE_CONTROL.format(database=name, timeout=sql.Literal(WEB_STATEMENT_TIMEOUT))
            )
            connection.execute(_OWN_CONTROL_TABLES)


def _is_plain_own(server: str, login: str, passwords: Mapping[str, str]) -> bool:
    return login == "own" and (server == "control" or "rolemaker" in passwords)
