"""Starts programs, passes on what they say, and stops all of them in bounded time."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, Final

from devstack.demo.console_output import LabelledOutput
from devstack.demo.errors import ProgramEnded
from devstack.demo.interrupts import uninterrupted
from devstack.demo.plan import LEADS_ELSEWHERE, ROOT
from devstack.demo.types import Program

_PAUSE: Final = 0.05
_STOP_WITHIN: Final = timedelta(seconds=12)


@dataclass(frozen=True, slots=True)
class _Started:
    program: Program
    process: subprocess.Popen[bytes]
    reader: threading.Thread


class Supervisor:
    """The running programs. Each leads a session of its own.

    So a ctrl-C in the terminal reaches us alone, who know the right order, and whatever a program
    has forked can be ended along with it.
    """

    def __init__(self, output: LabelledOutput, *, environment: Mapping[str, str]) -> None:
        self._output = output
        kept = {name: value for name, value in os.environ.items() if name not in LEADS_ELSEWHERE}
        self._environment = {**kept, **environment}
        self._started: list[_Started] = []

    @property
    def pids(self) -> tuple[int, ...]:
        """The programs' process ids, which are their groups' too."""
        return tuple(each.process.pid for each in self._started)

    def start(self, program: Program, *, text: str = "") -> subprocess.Popen[bytes]:
        """Start one more program, with `text` (a few kilobytes at most) as its input."""
        with uninterrupted():
            process = subprocess.Popen(
                program.command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=program.inherited,
                start_new_session=True,
            )
            assert process.stdin is not None
            assert process.stdout is not None
            reader = threading.Thread(
                target=_pass_on, args=(self._output, program.label, process.stdout), daemon=True
            )
            reader.start()
            self._started.append(_Started(program, process, reader))
            _send(text, process.stdin)
        return process

    def raise_if_one_ended(self) -> None:
        """Notice a program that is not there any more.

        Raises:
            ProgramEnded: one ended by itself, which none of them does in good order.
        """
        for each in self._started:
            status = each.process.poll()
            if status is not None:
                each.reader.join(timeout=1)
                raise ProgramEnded(each.program.label, status)

    def stop(self, *, within: timedelta = _STOP_WITHIN) -> None:
        """End all programs: ask, wait for `within`, then force. Idempotent."""
        for each in self._started:
            with suppress(ProcessLookupError):
                each.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + within.total_seconds()
        while time.monotonic() < deadline:
            if all(each.process.poll() is not None for each in self._started):
                break
            time.sleep(_PAUSE)
        for each in self._started:
            # The group may outlive its leader: a child that the leader lost sight of.
            with suppress(ProcessLookupError):
                os.killpg(each.process.pid, signal.SIGKILL)
            each.process.wait()
            each.reader.join(timeout=1)
        self._started.clear()


def run_program(
    program: Program,
    output: LabelledOutput,
    *,
    environment: Mapping[str, str],
    text: str = "",
) -> None:
    """Run a program to its end, with `text` as its input, passing on what it says.

    Raises:
        ProgramEnded: its status is not 0.
    """
    supervisor = Supervisor(output, environment=environment)
    try:
        process = supervisor.start(program, text=text)
        status = process.wait()
    finally:
        supervisor.stop()
    if status:
        raise ProgramEnded(program.label, status)


def _send(text: str, stream: IO[bytes]) -> None:
    # A program that ends without reading says why by itself.
    with suppress(BrokenPipeError), stream:
        stream.write(text.encode())


def _pass_on(output: LabelledOutput, label: str, stream: IO[bytes]) -> None:
    # Reads on even when nobody listens: a full pipe would stop the program.
    with stream:
        for line in stream:
            output.say(label, line.decode("utf-8", errors="replace"))
