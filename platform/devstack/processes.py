"""Finding, starting and ending a server's processes.

A server works in a folder that nobody else works in, so its processes are told by their program
and their current folder. No pid file is believed: after a crash it may name a stranger.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import psutil

from devstack.account import Account

_PAUSE = 0.01
_children: list[subprocess.Popen[bytes]] = []
"""Servers that this process started; kept so that the dead ones can be reaped."""


def spawn(
    command: Sequence[str | Path], *, folder: Path, log: Path, account: Account
) -> subprocess.Popen[bytes]:
    """Start a server that outlives us, in a session of its own, with a clean environment."""
    with log.open("ab") as output:
        child = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,
            **account.identity(),
        )
    _children.append(child)
    return child


def clean_environment() -> Mapping[str, str]:
    """Our environment without what would steer a PostgreSQL program behind our back."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "LC_", "LANG", "PYTHON"))
    }
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def working_in(folder: Path, program: str) -> list[psutil.Process]:
    """The living processes of `program` that work in `folder`, oldest first."""
    reap()
    found = []
    for process in psutil.process_iter(["name"]):
        if process.info["name"] != program:
            continue
        try:
            if process.cwd() == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue  # gone, or somebody else's
    return sorted(found, key=lambda process: (process.create_time(), process.pid))


def reap() -> None:
    """Take notice of those of our children that have ended."""
    for child in tuple(_children):
        if child.poll() is not None:
            # Another thread may start one meanwhile, or take notice of the same one.
            with suppress(ValueError):
                _children.remove(child)


def send(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Signal processes, of which some may have ended."""
    for process in processes:
        try:
            # psutil compares start times first: a pid that was given away is not hit.
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def all_gone(folder: Path, program: str, *, within: timedelta) -> bool:
    """Wait until nothing of `program` works in `folder`; False when something is left."""
    deadline = time.monotonic() + within.total_seconds()
    living = working_in(folder, program)
    while living:
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
        # Looking at all processes of the machine costs; those that are known come first.
        living = [process for process in living if _lives(process)] or working_in(folder, program)
    reap()
    return True


def _lives(process: psutil.Process) -> bool:
    reap()
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
