"""Starting and stopping the demo for browsers."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devstack.demo.leftovers import end_leftovers
from devstack.demo.plan import LEADS_ELSEWHERE, ROOT, manage
from devstack.demo.servers import development_stack, environment_of
from devstack.demo.types import Running
from devstack.guardian import Guardian
from devstack.stack import Stack

READY_WITHIN_S = 240
STOPPED_WITHIN_S = 60
_COMMAND_S = 120


@dataclass(frozen=True)
class Up:
    """A demo that is up, and its servers."""

    running: Running
    stack: Stack

    def manage(self, *words: str) -> str:
        """A command as an operator gives it; what it prints."""
        done = subprocess.run(
            manage(*words),
            cwd=ROOT,
            env={**_environment(), **environment_of(self.stack)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_COMMAND_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


@contextmanager
def running_demo() -> Iterator[Up]:
    """The demo in a throw-away folder, on a free port, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="atoll-browser-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # The servers' account, where it is another than ours, must pass through.
        folder.chmod(0o711)
        with _running(folder) as up:
            yield up


@contextmanager
def _running(folder: Path) -> Iterator[Up]:
    stack = development_stack(folder / "stack")
    guardian = Guardian(stack)
    ready = folder / "ready.json"
    log = folder / "demo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            manage(
                *("demo", "--port", "0", "--folder", str(folder / "stack")),
                *("--ready-file", str(ready)),
            ),
            cwd=ROOT,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, ready, log)
        yield Up(Running.from_json(ready.read_text("utf-8")), stack)
    finally:
        _end(process)
        end_leftovers(folder / "stack" / "demo" / "programs.json")
        stack.destroy()
        guardian.dismiss()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in LEADS_ELSEWHERE}


def _wait(process: subprocess.Popen[bytes], ready: Path, log: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            tail = "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-40:])
            raise AssertionError(f"The demo is not up:\n{tail}")
        time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
