"""Starting and stopping the demo for browsers."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.demo.leftovers import end_leftovers
from devstack.demo.plan import LEADS_ELSEWHERE, ROOT, manage
from devstack.demo.servers import development_stack
from devstack.demo.types import Running
from devstack.guardian import Guardian

READY_WITHIN_S = 240
STOPPED_WITHIN_S = 60


@contextmanager
def running_demo() -> Iterator[Running]:
    """The demo in a throw-away folder, on a free port, until the block ends."""
    with tempfile.TemporaryDirectory(prefix="atoll-browser-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # The servers' account, where it is another than ours, must pass through.
        folder.chmod(0o711)
        with _running(folder) as running:
            yield running


@contextmanager
def _running(folder: Path) -> Iterator[Running]:
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
            env={k: v for k, v in os.environ.items() if k not in LEADS_ELSEWHERE},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, ready, log)
        yield Running.from_json(ready.read_text("utf-8"))
    finally:
        _end(process)
        end_leftovers(folder / "stack" / "demo" / "programs.json")
        stack.destroy()
        guardian.dismiss()


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
