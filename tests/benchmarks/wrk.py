"""Running wrk and reading what it says."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

SCRIPT = Path(__file__).with_name("wrk.lua")


class WrkMissing(Exception):
    """wrk is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "wrk is not on the PATH. Install it: `apt-get install wrk` (Debian, Ubuntu), "
            "`brew install wrk` (macOS)."
        )


class RequestsFailed(Exception):
    """Some answers were errors: the figures would say nothing."""


@dataclass(frozen=True, slots=True)
class Load:
    """How hard wrk asks: one thread, so that the hosts' order is one order."""

    seconds: float
    connections: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of wrk."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    requests: int


def require_wrk() -> str:
    """Its path.

    Raises:
        WrkMissing: the message says how to install it.
    """
    found = shutil.which("wrk")
    if found is None:
        raise WrkMissing
    return found


def run(address: str, path: str, hosts: Path, load: Load) -> Measured:
    """Ask `path` of the hosts in the file, in its order, over and over.

    Raises:
        RequestsFailed: an answer was an error, or none came.
    """
    command = [
        require_wrk(),
        "--threads=1",
        f"--connections={load.connections}",
        f"--duration={load.seconds:.0f}s",
        f"--script={SCRIPT}",
        address,
        "--",
        path,
        str(hosts),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout.strip().splitlines()[-1])
    if said["failed"] or not said["requests"]:
        raise RequestsFailed(f"{address}{path}: {said}")
    return Measured(
        requests_per_second=said["requests"] / (said["microseconds"] / 1e6),
        p50_ms=said["p50"] / 1000,
        p99_ms=said["p99"] / 1000,
        requests=said["requests"],
    )
