"""Movers as processes of their own, that stop at a control point."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sharding.moves.control_points import VARIABLE
from tests.fixtures.waiting import killed_at_last, wait_for
from tests.integration.moves.conftest import (
    _nothing_remembered,
    gate,
    new_tenant,
)

__all__ = ["_nothing_remembered", "gate", "new_tenant"]

_ROOT = Path(__file__).resolve().parents[3]


class Victim:
    """A mover that is at its control point."""

    def __init__(self, process: subprocess.Popen, here: Path) -> None:
        self.process = process
        self.here = here

    @property
    def pid(self) -> int:
        """As it said itself: a wrapper's would be another one."""
        return int(self.here.read_text())

    def is_there(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()
        return self.here.exists()

    def go(self) -> tuple[int, str]:
        """Let it go on to its end; its exit status and what it said."""
        self.here.with_name(f"{self.here.name}.go").touch()
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out + err


@pytest.fixture
def start(tmp_path) -> Iterator[object]:
    """Starts a command that stops at a control point; kills what is left of it."""
    with killed_at_last() as started:

        def begin(point: str, *command: str, later: str = "") -> Victim:
            folder = tmp_path / f"{len(started)}"
            folder.mkdir()
            process = subprocess.Popen(
                # Who runs in the background ignores Ctrl-C, and so would whoever is begun there.
                ["env", "--default-signal=INT", sys.executable, "manage.py", *command],
                cwd=_ROOT,
                env={
                    **os.environ,
                    "DJANGO_SETTINGS_MODULE": "config.settings.test",
                    VARIABLE: f"{folder}:{point},{later}",
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            started.append(process)
            victim = Victim(process, folder / point)
            wait_for(victim.is_there, f"it did not come to {point}", seconds=90)
            return victim

        yield begin
