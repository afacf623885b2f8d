"""Tenants of the first release, and processes that migrate them to a later one."""

import os
import subprocess
import sys
import time

import pytest

from tests.integration.fleet.conftest import fleet, ready, release

__all__ = ["fleet", "ready", "release"]


@pytest.fixture
def start(tmp_path, fleet):
    """Starts a fleet migration that stops at its control point; kills what is left of it."""
    started = []

    def begin(point, places, *, release):
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                f"{__package__}.victim",
                str(tmp_path),
                point,
                *(place.tenant_id for place in places),
            ],
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": f"{__package__}.settings",
                "FLEET_RELEASE": release,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        ends = time.monotonic() + 60
        while not (tmp_path / "there").exists():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < ends, "it did not come to its control point"
            time.sleep(0.01)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def go(tmp_path):
    """Lets a victim go on from its control point."""
    return (tmp_path / "go").touch
