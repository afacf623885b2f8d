"""A network of its own for commands under test, so that packets can be dropped without root.

`unshare` gives an ordinary user a network namespace in which it is root. The servers stay outside;
inside, every server's port on 127.0.0.1 leads to its unix socket, which no namespace hides. So the
registry is the same inside and outside.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from devstack.redis_server import RedisServer
from devstack.stack import Stack
from tests.faults.packets import iptables, rules_for

ROOT = Path(__file__).resolve().parents[2]


class NetworkNamespace:
    """One namespace, as long as its process lives."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        # Real root is not root of anybody's files in a user namespace, and needs none.
        user = () if os.geteuid() == 0 else ("--map-root-user",)
        self._enter_user = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
        self._inside = subprocess.Popen(
            [
                *("unshare", *user, "--net", sys.executable, "-m", "tests.faults.inside"),
                json.dumps({str(port): path for port, path in self._sockets()}),
            ],
            cwd=ROOT,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._inside.stdout is not None
        if self._inside.stdout.readline() != b"ready\n":
            self.close()
            raise OSError("no network namespace can be made here")

    def run(
        self, command: Sequence[str], *, env: Mapping[str, str] = {}, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` in there."""
        return subprocess.run(
            [*self._enter(), *command],
            check=False,
            capture_output=True,
            text=True,
            cwd=ROOT,
            env={**_environment(), **env},
            timeout=timeout,
        )

    def start(
        self, command: Sequence[str], *, env: Mapping[str, str] = {}
    ) -> subprocess.Popen[str]:
        """Start `command` in there; what it says is read by the caller, who also ends it."""
        return subprocess.Popen(
            [*self._enter(), *command],
            cwd=ROOT,
            env={**_environment(), **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def dropped_packets(self, name: str) -> Iterator[None]:
        """No packet to or from server `name` arrives in there."""
        rules = rules_for(self.stack.server(name).port)
        for rule in rules:
            self._iptables("-I", rule)
        try:
            yield
        finally:
            for rule in rules:
                self._iptables("-D", rule)

    def close(self) -> None:
        self._inside.communicate(timeout=10)

    def _sockets(self) -> Iterator[tuple[int, str]]:
        for server in self.stack.servers.values():
            if isinstance(server, RedisServer):
                yield server.port, str(server.socket)
            else:
                yield server.port, str(server.site.sockets / f".s.PGSQL.{server.port}")

    def _enter(self) -> list[str]:
        return ["nsenter", "--target", str(self._inside.pid), *self._enter_user, "--net", "--"]

    def _iptables(self, action: str, rule: list[str]) -> None:
        program = iptables()
        assert program is not None
        done = self.run([program, action, *rule], env={"XTABLES_LOCKFILE": "/dev/null"})
        assert done.returncode == 0, done.stderr


def why_not() -> str | None:
    """Why no namespace can be had here; None when it can."""
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    for program in ("unshare", "nsenter", "iptables", "ip"):
        if shutil.which(program, path=path) is None:
            return f"this machine has no {program}"
    user = () if os.geteuid() == 0 else ("--map-root-user",)
    tried = subprocess.run(["unshare", *user, "--net", "true"], capture_output=True, check=False)
    return None if tried.returncode == 0 else "this machine gives its users no namespaces"


def _environment() -> dict[str, str]:
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "PYTHONPATH": paths}
