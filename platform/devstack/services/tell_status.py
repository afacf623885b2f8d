"""What runs, where, as whom."""

from dataclasses import asdict, dataclass
from typing import Any

import psutil

from devstack.errors import NotStarted
from devstack.postgres_server import PostgresServer
from devstack.server import Server
from devstack.stack import Stack


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """One server. state: `ready`, `held` (SIGSTOP), `starting` or `stopped`."""

    name: str
    state: str
    pid: int | None
    port: int
    socket: str
    account: str
    log: str


@dataclass(frozen=True, slots=True)
class StackStatus:
    """All servers of a folder; none before the first `up`."""

    folder: str
    registry: str | None
    servers: tuple[ServerStatus, ...]

    @property
    def is_up(self) -> bool:
        """Whether every server is ready."""
        return bool(self.servers) and all(each.state == "ready" for each in self.servers)


def status_of(stack: Stack) -> StackStatus:
    """Look at every server; starts and changes nothing."""
    registry = str(stack.files.registry) if stack.files.registry.exists() else None
    try:
        servers = stack.servers.values()
    except NotStarted:
        return StackStatus(str(stack.folder), registry, ())
    return StackStatus(str(stack.folder), registry, tuple(_look(server) for server in servers))


def as_data(status: StackStatus) -> dict[str, Any]:
    """For JSON."""
    return {**asdict(status), "up": status.is_up}


def as_text(status: StackStatus) -> str:
    """For people."""
    if not status.servers:
        return f"No servers in {status.folder} yet. Start them: manage.py devstack up"
    lines = [f"{'server':<10} {'state':<9} {'pid':>7}  {'127.0.0.1':>9}  log"]
    lines += [
        f"{each.name:<10} {each.state:<9} {each.pid or '-':>7}  {each.port:>9}  {each.log}"
        for each in status.servers
    ]
    lines.append(f"registry: {status.registry or 'not written yet'}")
    if all(each.state == "stopped" for each in status.servers):
        lines.append("Start them with `manage.py devstack up`.")
    return "\n".join(lines)


def _look(server: Server) -> ServerStatus:
    site = server.site
    socket = f"{site.sockets}" if isinstance(server, PostgresServer) else ""
    pid, state = _pid_and_state(server)
    return ServerStatus(
        server.name, state, pid, server.port, socket, site.account.name, str(site.log)
    )


def _pid_and_state(server: Server) -> tuple[int | None, str]:
    pid = server.pid
    if pid is None:
        return None, "stopped"
    try:
        if psutil.Process(pid).status() == psutil.STATUS_STOPPED:
            return pid, "held"
    except psutil.NoSuchProcess:
        return None, "stopped"
    return pid, "ready" if server.is_ready() else "starting"
