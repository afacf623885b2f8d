"""Tenants of the first release, and processes that migrate them to a later one."""

import os
import subprocess
import sys

import pytest

from tests.fixtures.waiting import killed_at_last, wait_for
from tests.integration.fleet.conftest import fleet, ready, release

__all__ = ["fleet", "ready", "release"]


@pytest.fixture
def start(tmp_path, fleet):
    """Starts a fleet migration that stops at its control point; kills what is left of it."""
    with killed_at_last() as started:

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

            def is_there():
                assert process.poll() is None, process.communicate()
                return (tmp_path / "there").exists()

            wait_for(is_there, "it did not come to its control point", seconds=60)
            return process

        yield begin


@pytest.fixture
def go(tmp_path):
    """Lets a victim go on from its control point."""
    return (tmp_path / "go").touch
