"""One command at a time works on a folder of servers."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from devstack.errors import StackIsBusy

_PAUSE = 0.05


@contextmanager
def folder_lock(folder: Path, *, wait: timedelta) -> Iterator[None]:
    """Hold the folder's lock; the system lets go of it when the process ends, however it ends.

    The servers do not inherit it: descriptors of Python close when another program starts.

    Raises:
        StackIsBusy: somebody else held it for all of `wait`.
    """
    path = folder / "lock"
    deadline = time.monotonic() + wait.total_seconds()
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while not _try(handle):
            if time.monotonic() > deadline:
                raise StackIsBusy(folder, _holder(path))
            time.sleep(_PAUSE)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"process {os.getpid()}".encode(), 0)
        yield
    finally:
        os.close(handle)


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> str:
    return path.read_text("utf-8", errors="replace") or "a process that is just starting"
