"""Programs of a demo that was killed and could not stop them."""

import json
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil


def remember(path: Path, pids: Iterable[int]) -> None:
    """Write down which programs run, so that the next demo can end what this one leaves."""
    started = {pid: psutil.Process(pid).create_time() for pid in pids if psutil.pid_exists(pid)}
    path.write_text(json.dumps(started), "utf-8")


def end_leftovers(path: Path) -> int:
    """End the programs written down at `path` that still run, with all they forked; how many.

    Idempotent. A process that merely has the number of one of them was started at another moment
    and is left alone.
    """
    left = left_running(path)
    for process in left:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    psutil.wait_procs(left, timeout=5)
    path.unlink(missing_ok=True)
    return len(left)


def left_running(path: Path) -> list[psutil.Process]:
    """Those of the programs written down at `path` that still run."""
    try:
        started = {int(pid): at for pid, at in json.loads(path.read_text("utf-8")).items()}
    except (FileNotFoundError, ValueError, AttributeError):
        return []
    return [process for pid, at in started.items() if (process := _same(pid, at))]


def _same(pid: int, created_at: float) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return process if process.create_time() == created_at else None
    except psutil.NoSuchProcess:
        return None
