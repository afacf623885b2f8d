"""Runs the demo as a person would, tries it over HTTP, and stops it."""

import logging
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

import psutil

from devstack.demo.errors import CheckFailed
from devstack.demo.leftovers import end_leftovers
from devstack.demo.plan import LEADS_ELSEWHERE, ROOT, manage
from devstack.demo.proofs import prove
from devstack.demo.servers import development_stack
from devstack.demo.types import Running
from devstack.errors import DevstackError
from devstack.guardian import Guardian

_READY_WITHIN: Final = timedelta(seconds=240)
_STOPPED_WITHIN: Final = timedelta(seconds=60)
_TAIL_LINES: Final = 60


def run_demo_check(say: Callable[[str], object]) -> None:
    """Start the demo in a throw-away folder, prove what it promises, stop it, leave nothing.

    Raises:
        CheckFailed: with the end of the demo's log.
    """
    # What it fetches is told by the proofs, and only if it was wrong.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="atoll-check-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        # Servers may run as another user, who must pass through.
        folder.chmod(0o711)
        log = folder / "demo.log"
        stack = development_stack(folder / "stack")
        # Ends the servers even if this process is killed.
        guardian = Guardian(stack)
        try:
            _check(folder, log, say)
        except (DevstackError, OSError) as error:
            tail = log.read_text("utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
            raise CheckFailed("\n".join([*tail, "", f"The check failed. {error}"])) from error
        finally:
            end_leftovers(folder / "stack" / "demo" / "programs.json")
            stack.destroy()
            guardian.dismiss()


def _check(folder: Path, log: Path, say: Callable[[str], object]) -> None:
    ready_file = folder / "ready.json"
    environment = {k: v for k, v in os.environ.items() if k not in LEADS_ELSEWHERE}
    with log.open("wb") as output:
        demo = subprocess.Popen(
            manage(
                *("demo", "--port", "0", "--folder", str(folder / "stack")),
                *("--ready-file", str(ready_file)),
            ),
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        began = time.monotonic()
        running = _wait_until_ready(demo, ready_file)
        say(f"ok: the demo is up after {time.monotonic() - began:.0f} s")
        prove(running, say)
        check_said(log.read_text("utf-8", errors="replace"), running)
        say("ok: it says where to go and as whom, and whose each line is")
        _stop(demo)
        _nothing_left(running)
        say("ok: it stopped and left no process behind")
    finally:
        _make_sure_it_ends(demo)


def _wait_until_ready(demo: subprocess.Popen[bytes], ready_file: Path) -> Running:
    deadline = time.monotonic() + _READY_WITHIN.total_seconds()
    while not ready_file.exists():
        if demo.poll() is not None:
            raise CheckFailed(f"The demo ended with status {demo.returncode} before it was up.")
        if time.monotonic() > deadline:
            raise CheckFailed(f"Not up within {_READY_WITHIN.total_seconds():.0f} s.")
        time.sleep(0.1)
    return Running.from_json(ready_file.read_text("utf-8"))


def check_said(text: str, running: Running) -> None:
    """Whether the demo's terminal shows people the way in, and every program under its name.

    Raises:
        CheckFailed: something is not there.
    """
    lines = text.splitlines()
    for each in running.sign_ins:
        way_in = (f"http://{each.host}/", each.email, each.password)
        if not any(all(word in line for word in way_in) for line in lines):
            raise CheckFailed(f"It does not say how to sign in at {each.host}.")
    shards = {each.shard for each in running.sign_ins}
    programs = {"web", "beat", "worker control", *(f"worker {shard}" for shard in shards)}
    if silent := programs - {line.partition(" | ")[0].strip() for line in lines}:
        raise CheckFailed(f"Nothing is heard of {', '.join(sorted(silent))}.")


def _stop(demo: subprocess.Popen[bytes]) -> None:
    demo.send_signal(signal.SIGTERM)
    try:
        status = demo.wait(_STOPPED_WITHIN.total_seconds())
    except subprocess.TimeoutExpired as error:
        raise CheckFailed("The demo did not stop in time.") from error
    if status:
        raise CheckFailed(f"The demo stopped with status {status}.")


def _nothing_left(running: Running) -> None:
    # A program's number is its group's and its session's: what it forked is found by that too.
    left = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.Error):
            if os.getsid(process.pid) in running.pids:
                left.append(f"{process.pid} ({process.name()})")
    if left:
        raise CheckFailed(f"The demo left processes behind: {', '.join(left)}.")
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", running.port)) == 0:
            raise CheckFailed(f"Something still listens on port {running.port}.")


def _make_sure_it_ends(demo: subprocess.Popen[bytes]) -> None:
    if demo.poll() is None:
        demo.send_signal(signal.SIGTERM)
        try:
            demo.wait(_STOPPED_WITHIN.total_seconds())
        except subprocess.TimeoutExpired:
            demo.kill()
            demo.wait()
