"""The Redis server: cache, and Celery's queues."""

import signal
import socket
import subprocess
from pathlib import Path

from devstack import processes
from devstack.server import Server, Site
from sharding.private_files import read_if_there, write_private

_SETTINGS = """\
bind 127.0.0.1
port {port}
unixsocket {socket}
unixsocketperm 700
requirepass {password}
dir {folder}
databases 16
save ""
appendonly {durable}
appendfsync everysec
maxmemory 256mb
maxmemory-policy volatile-lru
"""


class RedisServer(Server):
    """One Redis; with `fsync` its queues survive a crash."""

    program = "redis-server"
    clean_stop = signal.SIGTERM
    quick_stop = signal.SIGINT

    def __init__(self, name: str, site: Site, *, binary: Path, password: str, fsync: bool) -> None:
        super().__init__(name, site)
        self.binary = binary
        self.password = password
        self.fsync = fsync

    def is_as_configured(self) -> bool:
        """Whether its settings are those of now."""
        return read_if_there(self._file) == self._settings()

    def is_ready(self) -> bool:
        """Whether it answers; while it loads its file it answers with an error."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as client:
                client.sendall(b"AUTH %s\r\nPING\r\n" % self.password.encode())
                answer = client.recv(100)
                while answer.count(b"\r\n") < 2 and (more := client.recv(100)):
                    answer += more
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n" and self.pid is not None

    def launch(self) -> subprocess.Popen[bytes]:
        """Write its settings and start it."""
        write_private(self._file, self._settings())
        self.site.account.give(self._file)
        self.socket.unlink(missing_ok=True)
        return processes.spawn(
            [self.binary, self._file],
            folder=self.site.folder,
            log=self.site.log,
            account=self.site.account,
        )

    @property
    def _file(self) -> Path:
        return self.site.folder / "redis.conf"

    def _settings(self) -> str:
        return _SETTINGS.format(
            port=self.port,
            socket=_quoted(self.socket),
            password=self.password,
            folder=_quoted(self.site.folder),
            durable="yes" if self.fsync else "no",
        )

    @property
    def socket(self) -> Path:
        """Its unix socket."""
        return self.site.sockets / "redis"

    @property
    def url(self) -> str:
        """Its address, database 0, with the password."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"


def _quoted(path: Path) -> str:
    """One word of redis.conf, whatever the path holds: spaces would make it several."""
    text = str(path).replace("\\", r"\\").replace('"', r"\"")
    return f'"{text}"'
