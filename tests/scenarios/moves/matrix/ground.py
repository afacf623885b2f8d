"""Servers that may be killed, cut off, promoted and restored, with movers that go through proxies.

The clients and whoever looks on reach the servers directly.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connections

from devstack.stack import Stack
from sharding.moves.control_points import VARIABLE
from sharding.registry import current as registry
from sharding.registry.toml_file import write_registry
from tests.faults.down import FaultyServers
from tests.fixtures import standbys
from tests.fixtures.servers import prepared_stack
from tests.fixtures.waiting import wait_for

_ROOT = Path(__file__).resolve().parents[4]


@dataclass
class Mover:
    """A process that works on a move, and stops at its points."""

    pid: int
    folder: Path
    said: Path
    let_go: Callable[[int], None]
    """Has its pid forgotten, once it has ended."""
    _handle: int = field(init=False)
    _ended: bool = False

    def __post_init__(self) -> None:
        # Pids are given again within minutes on a busy machine: whoever is signalled is this one.
        self._handle = os.pidfd_open(self.pid)

    @property
    def lives(self) -> bool:
        if not self._ended and select.select([self._handle], [], [], 0)[0]:
            self._ended = True
            os.close(self._handle)
            self.let_go(self.pid)
        return not self._ended

    def send(self, number: signal.Signals) -> None:
        """Signal it; nothing where it has ended."""
        if self.lives:
            signal.pidfd_send_signal(self._handle, number)

    @property
    def status(self) -> int | None:
        """Its exit status; None: it was killed, or still works."""
        ended = self.said.with_suffix(".ended")
        return int(ended.read_text()) if ended.exists() else None

    def reached(self) -> str:
        """Wait until it is at one of its points, and return which; empty: it has ended."""

        def there() -> str:
            if not self.lives:
                return "ended"
            return next(
                (p.name for p in self.folder.iterdir()
                 if not p.name.endswith((".go", ".tmp"))
                 and not p.with_name(f"{p.name}.go").exists()),
                "",
            )  # fmt: skip

        found = wait_for(there, "it reached no point", seconds=120, log=self.said)
        return "" if found == "ended" else found

    def go(self, point: str) -> None:
        """Let it go on from there."""
        (self.folder / f"{point}.go").touch()

    def kill(self) -> None:
        """From outside; it is gone when this returns."""
        self.send(signal.SIGKILL)
        wait_for(lambda: not self.lives, "it outlived SIGKILL")

    def ends(self, within: float) -> bool:
        """Wait; False: it still works."""
        until = time.monotonic() + within
        while self.lives and time.monotonic() < until:
            time.sleep(0.02)
        return not self.lives


@dataclass
class Ground:
    """The servers, a proxy before each for movers, and what can happen to them."""

    stack: Stack
    faulty: FaultyServers
    folder: Path
    _starter: subprocess.Popen[str] | None = None
    _started: list[Mover] = field(default_factory=list)
    _numbers: int = 0

    def mover(self, *words: str, at: tuple[str, ...], lease_seconds: float = 15) -> Mover:
        """Start one; it stops at each of these points that it comes to."""
        folder = self.folder / f"mover-{len(self._started)}"
        folder.mkdir()
        said = self.folder / f"mover-{len(self._started)}.said"
        environment = {VARIABLE: f"{folder}:{','.join(at)}"}
        pid = self._tell(
            {
                "words": words,
                "said": str(said),
                "environment": environment,
                "lease_seconds": lease_seconds,
            }
        )
        made = Mover(pid, folder, said, lambda ended: self._tell({"ended": ended}))
        self._started.append(made)
        return made

    def _tell(self, what: dict[str, object]) -> int:
        assert self._starter is not None
        assert self._starter.stdin is not None
        assert self._starter.stdout is not None
        self._starter.stdin.write(json.dumps(what) + "\n")
        self._starter.stdin.flush()
        return int(self._starter.stdout.readline())

    def next_number(self) -> int:
        """One that no other cell has."""
        self._numbers += 1
        return self._numbers

    def kill_movers(self) -> None:
        for mover in self._started:
            mover.kill()

    def start(self) -> None:
        """Have somebody who starts movers."""
        through = self.folder / "registry.toml"
        write_registry(through, self.faulty.registry)
        paths = os.pathsep.join(path for path in sys.path if path)
        self._starter = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}.movers"],
            cwd=_ROOT,
            env={
                **os.environ,
                "PYTHONPATH": paths,
                "DJANGO_SETTINGS_MODULE": "config.settings.test",
                registry.ENVIRONMENT_VARIABLE: str(through),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._starter.stdout is not None
        assert self._starter.stdout.readline() == "ready\n"

    def close(self) -> None:
        self.kill_movers()
        if self._starter is not None:
            self._starter.kill()
            self._starter.communicate()

    def kill_server(self, name: str) -> None:
        self.stack.kill_server(name)

    def start_server(self, name: str) -> None:
        """It serves again; what this process had open there is forgotten."""
        self.stack.start_server(name)
        self._forget_connections()

    def copy_of(self, name: str) -> Path:
        """All that server `name` has now, as a backup or a standby would have it."""
        return standbys.copy_of(self.stack, name)

    def put_in_place(self, name: str, copy: Path) -> None:
        """The server dies, and that copy is promoted at its address: on a timeline of its own."""
        standbys.put_in_place(self.stack, name, copy)
        self._forget_connections()

    def _forget_connections(self) -> None:
        for wrapper in connections.all(initialized_only=True):
            wrapper.close()


@contextmanager
def ground_of_its_own() -> Iterator[Ground]:
    """Servers that no other test uses."""
    with ExitStack() as stack:
        made = stack.enter_context(prepared_stack(redis=False))
        # Movers tell servers to ask after them; streams have their own way.
        faulty = FaultyServers(made, notices_vanished=True)
        stack.callback(faulty.close)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="atoll-movers-")))
        ground = Ground(made, faulty, folder)
        stack.callback(ground.close)
        ground.start()
        yield ground
