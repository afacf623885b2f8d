"""The text of PgBouncer's files: plain data in, text out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sharding.pools.budget.types import PoolPlan
from sharding.pools.conf import SCHEMAS_PER_CONNECTION
from sharding.pools.pgbouncer.errors import NotConfigurable
from sharding.registry.types import Login, Server

ADMIN: Final = "atoll_pooler"
"""Who may use the console. No login of a server: it leads nowhere else."""
TENANTS_PER_MINUTE: Final = 20
LONGEST_LIFE_S: Final = 3600
SHORTEST_LIFE_S: Final = 60
LOOKUP: Final = "SELECT usename, passwd FROM atoll.pooler_lookup($1)"
"""A function of each shard that tells of web only (`sharding.schemas.preparation.pooler`)."""
_SPARE_CLIENTS: Final = 20
_TEXT: Final = """\
; Written by `manage.py write_pgbouncer_config`; the next run overwrites it.
; Statements carry their tenant, so any client may get any connection: nothing to reset.
[databases]
{databases}

[pgbouncer]
{settings}
"""


@dataclass(frozen=True, slots=True)
class Tls:
    """One side's TLS: PgBouncer's own words and files; an empty mode leaves it to PgBouncer."""

    mode: str = ""
    key: str = ""
    certificate: str = ""
    authority: str = ""

    def settings(self, side: str) -> dict[str, str]:
        """As PgBouncer's settings of that side, `client` or `server`."""
        words = {
            "sslmode": self.mode,
            "key_file": self.key,
            "cert_file": self.certificate,
            "ca_file": self.authority,
        }
        return {f"{side}_tls_{name}": value for name, value in words.items() if value}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one PgBouncer is to be.

    Attributes:
        listen: address and port, of the host that the registry calls `pooled`.
        sockets: the folder of its unix socket; empty: none.
        schemas: how many tenants one connection may serve; 0: as many as come.
        lookup: whether it asks each server how web proves its password; else it has a list.
        tenants_per_minute: how many tenants that are new to it one busy connection serves.
    """

    listen: str
    port: int
    sockets: str = ""
    lookup: bool = False
    client_tls: Tls = Tls()
    server_tls: Tls = Tls()
    schemas: int = SCHEMAS_PER_CONNECTION
    tenants_per_minute: int = TENANTS_PER_MINUTE


def server_lifetime_s(*, schemas: int, tenants_per_minute: int) -> int:
    """After how many seconds a connection to a server has met its budget of schemas."""
    if not schemas:
        return LONGEST_LIFE_S
    seconds = schemas * 60 // tenants_per_minute
    return max(SHORTEST_LIFE_S, min(LONGEST_LIFE_S, seconds))


def main_file(wanted: Wanted, plan: PoolPlan, servers: Mapping[str, Server], *, users: str) -> str:
    """The text of pgbouncer.ini. `users`: the path of the other file.

    Raises:
        NotConfigurable: no server stands behind a pooler, two share a name there, or a value
            cannot be written.
    """
    entries: dict[str, str] = {}
    for pool in plan.poolers:
        server = servers[pool.database]
        name = server.pooled.dbname
        if name in entries:
            raise NotConfigurable(
                f"two databases are called {name!r} at the pooler; give each a `pooled` dbname of "
                "its own in the registry."
            )
        at = server.direct
        if len(at.hosts) > 1:
            raise NotConfigurable(
                f"{server.name} has several addresses ({at.host}), and PgBouncer would take any of "
                "them: it does not ask which accepts writes. Name one that leads to the primary."
            )
        entries[name] = (
            f"host={_quoted(at.host)} port={at.port} dbname={_quoted(at.dbname)} "
            f"pool_size={pool.size} max_db_connections={pool.size}"
            + (f" auth_user={_looker(server).user}" if wanted.lookup else "")
        )
    if not entries:
        raise NotConfigurable("no server of the registry has a `pooled` address of its own.")
    settings = {
        "listen_addr": wanted.listen,
        "listen_port": str(wanted.port),
        "unix_socket_dir": wanted.sockets,
        "auth_type": "scram-sha-256",
        "auth_file": users,
        **({"auth_query": LOOKUP} if wanted.lookup else {}),
        "admin_users": ADMIN,
        "pool_mode": "transaction",
        "max_client_conn": str(plan.clients + _SPARE_CLIENTS),
        # These end what a stopped or unreachable server would hold for ever.
        "query_wait_timeout": "2",
        "server_connect_timeout": "2",
        "server_login_retry": "1",
        # Longer than web's statement_timeout: only a server that hangs meets it.
        "query_timeout": "4",
        "tcp_user_timeout": "3000",
        "server_lifetime": str(
            server_lifetime_s(schemas=wanted.schemas, tenants_per_minute=wanted.tenants_per_minute)
        ),
        "log_connections": "0",
        "log_disconnections": "0",
        **wanted.client_tls.settings("client"),
        **wanted.server_tls.settings("server"),
    }
    for name, value in settings.items():
        _one_line(name, value)
    return _TEXT.format(
        databases="\n".join(f"{_name(name)} = {entry}" for name, entry in entries.items()),
        settings="\n".join(f"{name} = {value}".rstrip() for name, value in settings.items()),
    )


def users_file(
    wanted: Wanted, plan: PoolPlan, servers: Mapping[str, Server], *, admin_password: str
) -> str:
    """The text of the list of users: web, or who looks web up; and who may use the console.

    Raises:
        NotConfigurable: PgBouncer knows one password per login, and servers have different ones;
            or a server has nobody who may look.
    """
    logins: dict[str, str] = {}
    for pool in plan.poolers:
        server = servers[pool.database]
        login = _looker(server) if wanted.lookup else server.web
        if logins.setdefault(login.user, login.password) != login.password:
            raise NotConfigurable(
                f"login {login.user} has another password on {pool.database} than before it; "
                "PgBouncer knows one per login. Make them the same in the registry and on the "
                "servers."
            )
    logins[ADMIN] = admin_password
    for user, password in logins.items():
        _one_line(f"the password of {user}", password, shown=False)
    return "".join(f"{_listed(user)} {_listed(password)}\n" for user, password in logins.items())


def _looker(server: Server) -> Login:
    if server.pooler is None:
        raise NotConfigurable(
            f"{server.name} has no login that looks up how web proves its password. Make it with "
            "`manage.py add_shard --pooler-login` (docs/how-to/pools.md tells how for control), "
            "or leave out --auth query."
        )
    return server.pooler


def _listed(text: str) -> str:
    return '"{}"'.format(text.replace('"', '""'))


def _quoted(text: str) -> str:
    _one_line("an address", text)
    return "'{}'".format(text.replace("'", "''"))


def _name(text: str) -> str:
    if not text or not text.replace("-", "").replace("_", "").isalnum() or not text.isascii():
        raise NotConfigurable(
            f"{text!r} cannot be the name of a database at the pooler: letters, digits, - and _."
        )
    return text


def _one_line(name: str, value: str, *, shown: bool = True) -> None:
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in value):
        told = f" ({value!r})" if shown else ""
        raise NotConfigurable(f"{name} has a sign that no line can hold{told}.")
