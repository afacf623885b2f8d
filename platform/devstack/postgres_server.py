"""One PostgreSQL cluster."""

import errno
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

from devstack import processes
from devstack.binaries import Postgres
from devstack.errors import DiskFull, ServerDidNotStart, WrongMajor
from devstack.server import Server, Site

SUPERUSER = "atoll_admin"
# Lines of postmaster.pid.
_PORT_LINE, _SOCKETS_LINE, _STATUS_LINE = 3, 4, 7
_ROOM_BYTES = 100_000_000
_SWEEPS = 50

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "512MB",
    "min_wal_size": "32MB",
    # A schema of 30 tables takes a lock per table and index.
    "max_locks_per_transaction": "256",
    # For moves: streams from and to every other server at once.
    "wal_level": "logical",
    "max_wal_senders": "40",
    "max_replication_slots": "40",
    "max_logical_replication_workers": "40",
    "max_worker_processes": "60",
    # A backend whose client gave up ends by itself.
    "client_connection_check_interval": "500ms",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
}
_SINCE_18 = {"max_active_replication_origins": "40"}
_DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
_THROW_AWAY = {"fsync": "off", "full_page_writes": "off", "autovacuum_naptime": "20s"}

# The superuser needs no password on the socket, in whose folder only its account and root can look:
# so a lost password is no lost database.
_ACCESS = """\
local all         atoll_admin       peer map=devstack
# Everybody else by password, over the socket too; mover's streams as well.
local all         all               scram-sha-256
host  all         all 127.0.0.1/32  scram-sha-256
local replication all               scram-sha-256
host  replication all 127.0.0.1/32  scram-sha-256
"""
_WHO_IS_WHO = """\
devstack  root       atoll_admin
devstack  {account}  atoll_admin
"""


class PostgresServer(Server):
    """One cluster in `site.folder`, made at the first start."""

    program = "postgres"
    clean_stop = signal.SIGINT  # "fast": ends sessions, writes a checkpoint
    quick_stop = signal.SIGQUIT  # "immediate": recovers at the next start

    def __init__(
        self, name: str, site: Site, *, binaries: Postgres, password: str, fsync: bool
    ) -> None:
        super().__init__(name, site)
        self.binaries = binaries
        self.password = password
        self.fsync = fsync

    def main_process(self, living: list[psutil.Process]) -> psutil.Process | None:
        """The postmaster: the living one that its own file names."""
        lines = self._pid_file_lines()
        named = lines[0].strip() if lines else ""
        return next((process for process in living if str(process.pid) == named), None)

    def is_as_configured(self) -> bool:
        """Whether it listens where it belongs; its socket may have been swept away."""
        lines = self._pid_file_lines()
        if len(lines) <= _STATUS_LINE or lines[_STATUS_LINE].strip() != "ready":
            return True  # it has not said yet
        here = lines[_PORT_LINE] == str(self.port) and lines[_SOCKETS_LINE] == str(
            self.site.sockets
        )
        return here and self._socket().exists()

    def is_ready(self) -> bool:
        """Whether the postmaster says so and its socket is there."""
        lines = self._pid_file_lines()
        status = lines[_STATUS_LINE].strip() if len(lines) > _STATUS_LINE else ""
        return status == "ready" and self.is_as_configured() and self.pid is not None

    def launch(self) -> subprocess.Popen[bytes]:
        """Make the cluster if there is none, write its settings, start it.

        Raises:
            WrongMajor: another major version made the cluster.
        """
        self._make_cluster()
        made_by = (self.site.folder / "PG_VERSION").read_text("ascii").strip()
        if made_by != str(self.binaries.major):
            raise WrongMajor(self.name, made_by, self.binaries.major)
        self._write("atoll.conf", self._settings())
        self._write("pg_hba.conf", _ACCESS)
        self._write("pg_ident.conf", _WHO_IS_WHO.format(account=self.site.account.name))
        # Nothing of ours is alive (`start` saw to that), so these are stale, and a pid in them
        # may by now be a stranger's, for whom PostgreSQL would refuse to start.
        (self.site.folder / "postmaster.pid").unlink(missing_ok=True)
        for stale in self.site.sockets.glob(f".s.PGSQL.{self.port}*"):
            stale.unlink()
        return processes.spawn(
            [self.binaries.folder / "postgres", "-D", self.site.folder],
            folder=self.site.folder,
            log=self.site.log,
            account=self.site.account,
        )

    def _make_cluster(self) -> None:
        folder, account = self.site.folder, self.site.account
        if (folder / "PG_VERSION").exists():
            return
        free = shutil.disk_usage(folder.parent).free
        if free < _ROOM_BYTES:
            raise DiskFull(self.name, folder.parent, free)
        # Made beside its place and renamed: a folder that is there is whole.
        half_made = folder.with_name(f"{folder.name}.half-made")
        _remove_whole(half_made)
        half_made.mkdir(mode=0o700)
        account.give(half_made)
        try:
            self._initdb(half_made)
            with (half_made / "postgresql.conf").open("a") as file:
                file.write("\ninclude = 'atoll.conf'\n")
        except BaseException:
            shutil.rmtree(half_made, ignore_errors=True)
            raise
        if folder.exists():
            folder.rmdir()
        half_made.rename(folder)

    def _initdb(self, folder: Path) -> None:
        command = [self.binaries.folder / "initdb", "-D", folder, "-U", SUPERUSER]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"]
        if self.binaries.major >= 17:
            # The same order of text on every machine, whatever its C library.
            command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command.append("--locale=C")
        if not self.fsync:
            command.append("--no-sync")
        # In the socket folder, since the servers' account can read there; gone in a moment.
        with tempfile.NamedTemporaryFile("w", dir=self.site.sockets) as secret:
            secret.write(self.password)
            secret.flush()
            self.site.account.give(Path(secret.name))
            made = subprocess.run(
                [*map(str, command), f"--pwfile={secret.name}"],
                check=False,
                capture_output=True,
                text=True,
                cwd=folder,
                env=processes.clean_environment(),
                **self.site.account.identity(),
            )
        if made.returncode != 0:
            if os.strerror(errno.ENOSPC) in made.stderr:
                raise self._disk_full()
            said = " / ".join((made.stderr or made.stdout).strip().splitlines()[-3:])
            raise ServerDidNotStart(self.name, f"initdb said: {said}", self.site.log)

    def _settings(self) -> str:
        settings = {
            **_SETTINGS,
            **(_SINCE_18 if self.binaries.major >= 18 else {}),
            **(_DURABLE if self.fsync else _THROW_AWAY),
            "port": str(self.port),
            "unix_socket_directories": str(self.site.sockets),
        }
        head = "# Written at every start; put settings of your own into postgresql.auto.conf.\n"
        return head + "".join(f"{name} = '{value}'\n" for name, value in settings.items())

    def _write(self, name: str, text: str) -> None:
        path = self.site.folder / name
        path.write_text(text)
        path.chmod(0o600)
        self.site.account.give(path)

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self.site.folder / "postmaster.pid").read_text("utf-8").splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _socket(self) -> Path:
        return self.site.sockets / f".s.PGSQL.{self.port}"


def _remove_whole(folder: Path) -> None:
    # An initdb that outlived a killed start may still put files into it: until it meets a folder
    # that is gone, one sweep is not enough.
    for _ in range(_SWEEPS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
