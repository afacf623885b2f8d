"""What the figures were taken on and how, in words for the page and in data for the file."""

import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

_LOAD_BEFORE: Final = os.getloadavg()[0]
"""Before this process did anything: what one part of a benchmark leaves is not others' work."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine and the versions of a run."""

    taken_at: str
    cpus: int
    cpu_model: str
    memory_gib: int
    load_before: float
    versions: dict[str, str]

    def sentence(self) -> str:
        """One line for the page."""
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return (
            f"{self.taken_at}, {self.cpus} CPUs ({self.cpu_model}), {self.memory_gib} GiB of "
            f"memory, load before the run {self.load_before:.2f}; {versions}."
        )


def this_machine(**servers: str) -> Machine:
    """This machine now; `servers`: versions that only the caller knows."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    packages = ("Django", "psycopg", "psycopg-pool", "django-tenants", "gunicorn")
    return Machine(
        taken_at=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        cpus=os.cpu_count() or 1,
        cpu_model=_cpu_model(),
        memory_gib=round(memory / 2**30),
        load_before=_LOAD_BEFORE,
        versions={
            "Python": platform.python_version(),
            **{name: version(name) for name in packages},
            **servers,
        },
    )


def _cpu_model() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
