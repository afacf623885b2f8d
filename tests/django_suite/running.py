"""One run of the suite, in a process of its own, and the stock one's memory."""

import contextlib
import hashlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

from tests.django_suite.errors import RunBroken
from tests.django_suite.recording import PIPE_VARIABLE, RESULTS_VARIABLE
from tests.django_suite.types import Ended, Outcome, Results

ROOT: Final = Path(__file__).parents[2]
SERVER_VARIABLE: Final = "ATOLL_SUITE_SERVER"

_RUN_BY: Final = ("recording.py", "plain_router.py", "settings/shared.py", "settings/stock.py")

_NAME: Final = re.compile(r"[A-Za-z][\w.-]*")

HUNG_AFTER_SECONDS: Final = 600
TOLD_EVERY: Final = 1000


@dataclass(frozen=True, slots=True)
class Run:
    """One side of the comparison.

    Attributes:
        backend: `stock` or `ours`, which is a module of tests.django_suite.settings.
        tests: the folder that holds runtests.py.
        server: what the settings need to know of the server, as JSON-able values.
        labels: which parts of the suite; none: all but GIS, which Django leaves out by itself.
        parallel: how many processes.
        log: where the suite's own output goes.
    """

    backend: str
    tests: Path
    server: Mapping[str, str]
    labels: Sequence[str]
    parallel: int
    log: Path


def run_suite(run: Run, tell: Callable[[str], None]) -> Results:
    """Run it and return how each test ended.

    Raises:
        RunBroken: it ended without results, or no test ended for HUNG_AFTER_SECONDS.
    """
    run.log.parent.mkdir(parents=True, exist_ok=True)
    reader, writer = os.pipe()
    with tempfile.TemporaryDirectory() as folder, run.log.open("wb") as log:
        results = Path(folder, "results.json")
        process = subprocess.Popen(
            [
                *(sys.executable, "runtests.py", f"--parallel={run.parallel}", "--noinput"),
                f"--settings=tests.django_suite.settings.{run.backend}",
                *run.labels,
            ],
            cwd=run.tests,
            env=_environment(run, results, writer),
            pass_fds=(writer,),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # A group of its own: a run that hangs is ended with its workers.
            start_new_session=True,
        )
        os.close(writer)
        try:
            _follow(reader, process, run, tell)
        finally:
            os.close(reader)
            _end(process)
        if not results.is_file():
            raise RunBroken(
                f"The run on the {run.backend} backend ended with status {process.returncode} and "
                f"told no results. The end of {run.log}:\n{_tail(run.log)}"
            )
        return {
            test: Ended(Outcome(outcome), why)
            for test, (outcome, why) in json.loads(results.read_text()).items()
        }


def remembered(path: Path, run: Callable[[], Results]) -> Results:
    """What `path` holds, or what `run` yields, which is then kept there."""
    if path.is_file():
        kept = json.loads(path.read_text())
        return {test: Ended(Outcome(outcome), why) for test, (outcome, why) in kept.items()}
    results = run()
    keep(path, results)
    return results


def keep(path: Path, results: Results) -> None:
    """Put `results` at `path` in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps({t: (e.outcome, e.why) for t, e in results.items()}, indent=0))
    temporary.replace(path)


def stock_name(*, tests: Path, server: str, build: str, labels: Sequence[str]) -> str:
    """The name under which stock results are kept: all that they depend on is part of it."""
    ours = [(Path(__file__).parent / name).read_text("utf-8") for name in _RUN_BY]
    depends = json.dumps([sys.version, _installed(tests), build, ours, sorted(labels)])
    digest = hashlib.sha256(depends.encode()).hexdigest()[:12]
    return f"stock-{tests.parent.name}-postgresql-{server}-{digest}.json"


def _installed(tests: Path) -> Mapping[str, str | None]:
    """Versions of what the suite itself says it can use."""
    files = [tests / "requirements" / name for name in ("py3.txt", "postgres.txt")]
    names = {
        found.group()
        for file in files
        for line in file.read_text("utf-8").splitlines()
        if (found := _NAME.match(line))
    }
    versions = {d.name.lower(): d.version for d in distributions()}
    return {name: versions.get(name.lower()) for name in sorted(names)}


def _environment(run: Run, results: Path, writer: int) -> dict[str, str]:
    # Without the caller's Django settings and libpq variables, which the suite would follow.
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "DJANGO_", "ATOLL_"))
    }
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "platform"))),
        SERVER_VARIABLE: json.dumps(dict(run.server)),
        RESULTS_VARIABLE: str(results),
        PIPE_VARIABLE: str(writer),
    }


def _follow(
    reader: int, process: subprocess.Popen[bytes], run: Run, tell: Callable[[str], None]
) -> None:
    begun, ended, failed, told = time.monotonic(), 0, 0, 0
    for letters in _letters(reader, process, run):
        ended += len(letters)
        failed += letters.count(b"f")
        if ended // TOLD_EVERY > told:
            told = ended // TOLD_EVERY
            minutes = (time.monotonic() - begun) / 60
            tell(f"  {run.backend}: {ended} ended, {failed} failed, {minutes:.1f} min")


def _letters(reader: int, process: subprocess.Popen[bytes], run: Run) -> Iterator[bytes]:
    """What comes through the pipe, until the run ends."""
    quiet_since = time.monotonic()
    while True:
        readable, _, _ = select.select([reader], [], [], 1)
        if readable:
            letters = os.read(reader, 4096)
            if not letters:
                process.wait()
                return
            quiet_since = time.monotonic()
            yield letters
        elif process.poll() is not None:
            # A process that a test left behind may hold the pipe open.
            return
        elif time.monotonic() - quiet_since > HUNG_AFTER_SECONDS:
            raise RunBroken(
                f"No test on the {run.backend} backend ended for {HUNG_AFTER_SECONDS} s. "
                f"The end of {run.log}:\n{_tail(run.log)}"
            )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the run's own process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
