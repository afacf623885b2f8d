"""From what is wanted and what is remembered to the servers themselves; starts nothing."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devstack.account import Account
from devstack.addresses import CONTROL, database_of
from devstack.binaries import find_pgbouncer, find_postgres, find_redis
from devstack.conf import Files
from devstack.errors import NoServerBinaries
from devstack.logins import logins_of
from devstack.pgbouncer_server import Entry, PgBouncerServer
from devstack.postgres_server import SUPERUSER, PostgresServer
from devstack.redis_server import RedisServer
from devstack.server import Server, Site
from devstack.state import State

PGBOUNCER: Final = "pgbouncer"
REDIS: Final = "redis"
_POOLS_ADMIN: Final = "atoll_pools"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stack is to consist of; the attributes are those of `Stack`."""

    files: Files
    fsync: bool
    pg_bin: Path | None
    databases: tuple[str, ...]
    redis: bool
    pgbouncer: bool | None


@dataclass(frozen=True, slots=True)
class Built:
    """All servers by name, PgBouncer last, and PostgreSQL's major version."""

    servers: dict[str, Server]
    major: int


def build_servers(wanted: Wanted, state: State, account: Account) -> Built:
    """Every server that is wanted; ports and passwords that are new go into `state`.

    Raises:
        NoServerBinaries: a program is missing.
    """
    binaries = find_postgres(account, wanted.pg_bin)
    servers: dict[str, Server] = {}
    for name in wanted.databases:
        _make_passwords(state, name, binaries.major)
        servers[name] = PostgresServer(
            name,
            _site(wanted, state, account, name),
            binaries=binaries,
            password=state.password(name, SUPERUSER),
            fsync=wanted.fsync,
        )
    if wanted.redis:
        servers[REDIS] = RedisServer(
            REDIS,
            _site(wanted, state, account, REDIS),
            binary=find_redis(account),
            password=state.password(REDIS, "default"),
            fsync=wanted.fsync,
        )
    if wanted.pgbouncer or (wanted.pgbouncer is None and find_pgbouncer() is not None):
        servers[PGBOUNCER] = build_pgbouncer(wanted, state, account, servers)
    return Built(servers, binaries.major)


def build_pgbouncer(
    wanted: Wanted, state: State, account: Account, servers: Mapping[str, Server]
) -> PgBouncerServer:
    """A PgBouncer with an entry per PostgreSQL server.

    Raises:
        NoServerBinaries: the system has none.
    """
    program = find_pgbouncer()
    if program is None:
        why, cure = "no pgbouncer is on the PATH", "Install the system's package of it."
        raise NoServerBinaries("PgBouncer", why, cure)
    return PgBouncerServer(
        PGBOUNCER,
        _site(wanted, state, account, PGBOUNCER),
        binary=program,
        entries={
            name: Entry("127.0.0.1", servers[name].port, database_of(name))
            for name in wanted.databases
        },
        users={
            _POOLS_ADMIN: state.password(PGBOUNCER, _POOLS_ADMIN),
            "web": state.password(CONTROL, "web"),
        },
    )


def _make_passwords(state: State, name: str, major: int) -> None:
    # PgBouncer knows its clients by one list for all servers, so web's is the same on all.
    web = state.password(CONTROL, "web")
    state.passwords.setdefault(name, {})["web"] = web
    for login in logins_of(name, major):
        state.password(name, login)


def _site(wanted: Wanted, state: State, account: Account, name: str) -> Site:
    folder = Path(state.place) / name
    if not folder.exists():
        folder.mkdir(mode=0o700)
        account.give(folder)
    return Site(
        folder=folder.resolve(),
        log=wanted.files.logs / f"{name}.log",
        sockets=Path(state.sockets),
        port=state.port(name),
        account=account,
    )
