"""PgBouncer in transaction mode: one entry per PostgreSQL server, named like it."""

import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from devstack import processes
from devstack.server import Server, Site
from sharding.private_files import read_if_there, write_private

# The time-outs end what a stopped or unreachable server would hold for ever
# (server_login_retry: how soon a server that came back is used again).
_SETTINGS = """\
[databases]
{databases}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir = {sockets}
unix_socket_mode = 0700
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
max_client_conn = 1000
default_pool_size = {pool_size}
query_wait_timeout = 2
server_connect_timeout = 2
server_login_retry = 1
tcp_user_timeout = 3000
server_lifetime = 600
admin_users = {admins}
log_connections = 0
log_disconnections = 0
"""


_KNOCKS_FOR = timedelta(seconds=5)
_BETWEEN_KNOCKS = timedelta(seconds=0.1)


@dataclass(frozen=True, slots=True)
class Entry:
    """One database behind PgBouncer."""

    host: str
    port: int
    dbname: str


class PgBouncerServer(Server):
    """One PgBouncer; it knows only the passwords it was given."""

    program = "pgbouncer"
    clean_stop = signal.SIGINT  # safe shutdown: waits for what runs
    quick_stop = signal.SIGTERM

    def __init__(
        self,
        name: str,
        site: Site,
        *,
        binary: Path,
        entries: Mapping[str, Entry],
        users: Mapping[str, str],
    ) -> None:
        super().__init__(name, site)
        self.binary = binary
        self.entries = entries
        self.users = users
        self.pool_size = 20

    @property
    def console(self) -> str:
        """The way to its own console, which takes SHOW and RELOAD (autocommit, no parameters)."""
        return self._way_in("pgbouncer", next(iter(self.users)))

    def see_who_is_back(self, login: str) -> None:
        """Have it look once more at servers that it could not reach when it was last asked.

        By itself it does so only when a client comes, and refuses that client ("server login has
        been failing"), however long the server has been back.
        """
        ends = time.monotonic() + _KNOCKS_FOR.total_seconds()
        for entry in self.entries:
            while not self._lets_in(entry, login) and time.monotonic() < ends:
                time.sleep(_BETWEEN_KNOCKS.total_seconds())

    def is_ready(self) -> bool:
        """Whether it takes connections."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return self.pid is not None
        except OSError:
            return False

    def is_as_configured(self) -> bool:
        """Whether its settings are those of now."""
        return all(read_if_there(path) == text for path, text in self._texts().items())

    def launch(self) -> subprocess.Popen[bytes]:
        """Write its settings and start it."""
        for path, text in self._texts().items():
            write_private(path, text)
            self.site.account.give(path)
        (self.site.sockets / f".s.PGSQL.{self.port}").unlink(missing_ok=True)
        return processes.spawn(
            [self.binary, self.site.folder / "pgbouncer.ini"],
            folder=self.site.folder,
            log=self.site.log,
            account=self.site.account,
        )

    def _lets_in(self, entry: str, login: str) -> bool:
        # Connecting alone proves nothing: it asks a server when there is a statement.
        try:
            with psycopg.connect(self._way_in(entry, login), connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _way_in(self, entry: str, login: str) -> str:
        return make_conninfo(
            host="127.0.0.1",
            port=self.port,
            dbname=entry,
            user=login,
            password=self.users[login],
        )

    def _texts(self) -> dict[Path, str]:
        users = self.site.folder / "users.txt"
        databases = "\n".join(
            f"{name} = host={entry.host} port={entry.port} dbname={entry.dbname}"
            for name, entry in self.entries.items()
        )
        settings = _SETTINGS.format(
            databases=databases,
            port=self.port,
            sockets=self.site.sockets,
            users=users,
            pool_size=self.pool_size,
            admins=next(iter(self.users)),
        )
        lines = [f'"{user}" "{password}"' for user, password in self.users.items()]
        return {users: "\n".join(lines) + "\n", self.site.folder / "pgbouncer.ini": settings}
