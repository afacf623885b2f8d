"""What all servers of a stack have in common."""

import errno
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil

from devstack import processes
from devstack.account import Account
from devstack.errors import DiskFull, PortTaken, ServerDidNotStart, ServerDidNotStop
from devstack.ports import holder_of, is_free

_PAUSE = 0.02
_NO_SPACE = "No space left on device"
_LOG_KEPT_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Site:
    """Where a server lives.

    Attributes:
        folder: its current folder, which no other server works in.
        log: what it says.
        sockets: the folder of unix sockets.
        port: its port on 127.0.0.1.
        account: who runs it.
    """

    folder: Path
    log: Path
    sockets: Path
    port: int
    account: Account


class Server(ABC):
    """One server: start, stop, hold, kill. Knows its processes by where they work."""

    program: str
    start_within = timedelta(seconds=60)
    fast_within = timedelta(seconds=10)
    immediate_within = timedelta(seconds=5)
    clean_stop = signal.SIGTERM
    quick_stop = signal.SIGQUIT

    def __init__(self, name: str, site: Site) -> None:
        self.name = name
        self.site = site

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return self.site.port

    @property
    def pid(self) -> int | None:
        """The process that the others of this server descend from, or None."""
        main = self.main_process(self.processes())
        return main.pid if main else None

    def processes(self) -> list[psutil.Process]:
        """All of the server's living processes."""
        return processes.working_in(self.site.folder, self.program)

    def main_process(self, living: list[psutil.Process]) -> psutil.Process | None:
        """The one of `living` that clients connect to."""
        return living[0] if living else None

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it takes clients now."""

    @abstractmethod
    def launch(self) -> subprocess.Popen[bytes]:
        """Start its program; it need not be ready yet."""

    def is_as_configured(self) -> bool:
        """Whether what runs was started with the settings of now."""
        return True

    def start(self) -> bool:
        """Make it run; True when it had to be started.

        Idempotent: one that runs is left alone, one that is held is let go on, one that died is
        started again and what it left is cleared away; one with other settings is restarted.

        Raises:
            PortTaken: somebody else has its port.
            DiskFull: no room for its files.
            ServerDidNotStart: it ended at once, or took longer than `start_within`.
        """
        living = self.processes()
        if self.main_process(living) is not None:
            processes.send(living, signal.SIGCONT)
            if self._becomes_ready(lambda: self.pid is not None and self.is_as_configured()):
                return False
            self.stop()
        elif living:
            self._end_orphans()
        if not is_free(self.port):
            raise PortTaken(self.name, self.port, holder_of(self.port))
        self._shorten_log()
        already_said = self.site.log.stat().st_size if self.site.log.exists() else 0
        try:
            child = self.launch()
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise self._disk_full() from error
            raise
        if not self._becomes_ready(lambda: child.poll() is None):
            self._explain(child, already_said)
        return True

    def stop(self, *, cleanly: bool = True) -> None:
        """Shut it down: cleanly, else quickly, else by force; bounded in time.

        cleanly: without it quickly at once, which is for data that nobody wants any more.

        Idempotent. Raises:
            ServerDidNotStop: even force did not help.
        """
        ways = (
            (self.clean_stop, self.fast_within),
            (self.quick_stop, self.immediate_within),
        )
        living = self.processes()
        main = self.main_process(living)
        # A stopped process takes no signal but this one.
        processes.send(living, signal.SIGCONT)
        if main is not None:
            for number, within in ways if cleanly else ways[1:]:
                processes.send([main], number)
                if processes.all_gone(self.site.folder, self.program, within=within):
                    return
        self._end_orphans()

    def kill(self) -> None:
        """SIGKILL its main process, as a crash would; the others notice by themselves."""
        main = self.main_process(self.processes())
        if main is not None:
            processes.send([main], signal.SIGKILL)
            psutil.wait_procs([main], timeout=5)
            processes.reap()

    def sigstop(self) -> None:
        """Hold all its processes: it keeps its sockets and answers nothing."""
        held: set[int] = set()
        # The main process first, so that it starts no more; then until nobody new is found.
        while fresh := [process for process in self.processes() if process.pid not in held]:
            processes.send(fresh, signal.SIGSTOP)
            held.update(process.pid for process in fresh)

    def sigcont(self) -> None:
        """Let all its processes go on."""
        processes.send(self.processes(), signal.SIGCONT)

    def _becomes_ready(self, is_alive: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + self.start_within.total_seconds()
        while not self.is_ready():
            if not is_alive() or time.monotonic() > deadline:
                return False
            time.sleep(_PAUSE)
        return True

    def _end_orphans(self) -> None:
        # Children of a main process that was killed; most go by themselves within a second.
        folder, program = self.site.folder, self.program
        processes.send(self.processes(), signal.SIGCONT)
        if processes.all_gone(folder, program, within=timedelta(seconds=1)):
            return
        processes.send(self.processes(), signal.SIGKILL)
        if not processes.all_gone(folder, program, within=timedelta(seconds=5)):
            raise ServerDidNotStop(self.name, [process.pid for process in self.processes()])

    def _explain(self, child: subprocess.Popen[bytes], already_said: int) -> None:
        ended = child.poll()
        self._end_orphans()
        said = self._said_since(already_said)
        if _NO_SPACE in said:
            raise self._disk_full()
        if "Address already in use" in said:
            raise PortTaken(self.name, self.port, holder_of(self.port))
        if ended is None:
            why = f"it was not ready after {self.start_within.total_seconds():.0f} s"
        else:
            last = " / ".join(said.strip().splitlines()[-3:])
            why = f"it ended with status {ended} and said: {last or 'nothing'}"
        raise ServerDidNotStart(self.name, why, self.site.log)

    def _said_since(self, position: int) -> str:
        try:
            with self.site.log.open("rb") as log:
                log.seek(position)
                return log.read(100_000).decode("utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def _disk_full(self) -> DiskFull:
        free = shutil.disk_usage(self.site.folder).free
        return DiskFull(self.name, self.site.folder, free)

    def _shorten_log(self) -> None:
        log = self.site.log
        if log.exists() and log.stat().st_size > _LOG_KEPT_BYTES:
            log.replace(log.with_suffix(".old.log"))
