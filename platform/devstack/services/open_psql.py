"""A psql prompt on one of the servers."""

import os
from typing import NoReturn

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from devstack.addresses import address_of
from devstack.errors import UnknownLogin, UnknownServer
from devstack.postgres_server import PostgresServer
from devstack.stack import Stack

_SUPERUSER = "superuser"


def open_psql(stack: Stack, name: str, *, login: str, text: str | None = None) -> NoReturn:
    """Become psql. The password goes by the environment: others can read a command line.

    Raises:
        UnknownServer: the stack has no PostgreSQL server of that name.
        UnknownLogin: that server has no such login.
    """
    server = stack.server(name)
    if not isinstance(server, PostgresServer):
        raise UnknownServer(name, tuple(stack.databases))
    conninfo, password = _way_in(stack, name, login)
    psql = server.binaries.folder / "psql"
    command = [str(psql), "--no-psqlrc", *(["--command", text] if text else []), conninfo]
    os.execve(psql, command, {**os.environ, "PGPASSWORD": password})


def _way_in(stack: Stack, name: str, login: str) -> tuple[str, str]:
    if login == _SUPERUSER:
        parts = conninfo_to_dict(stack.admin_conninfo(name))
        password = str(parts.pop("password"))
        return make_conninfo(**{name: str(value) for name, value in parts.items()}), password
    address = address_of(stack.registry(), name)
    known = {
        each.user: each
        for each in (address.web, address.own, address.mover, address.role_maker)
        if each is not None
    }
    if login not in known:
        raise UnknownLogin(name, login, (_SUPERUSER, *known))
    direct = address.direct
    conninfo = make_conninfo(
        host=direct.host, port=direct.port, dbname=direct.dbname, user=login, connect_timeout=10
    )
    return conninfo, known[login].password
