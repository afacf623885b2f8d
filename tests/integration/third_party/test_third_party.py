"""Third-party apps, unmodified, do their work inside tenants.

They are part of INSTALLED_APPS, so they need a Django of their own: a second pytest, started here,
runs the tests of `inside/` with this folder's settings. Each of its tests is told by name.
"""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SUBJECTS = ("migrations", "sites", "taggit", "simple_history", "authtoken", "allauth")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What the second pytest said: its output, and the outcomes by subject."""
    path = tmp_path_factory.mktemp("third-party") / "report.xml"
    environment = {
        name: value
        for name, value in os.environ.items()
        # The registry and Redis of this session are not theirs; they start servers of their own.
        if not name.startswith(("PYTEST_", "ATOLL_REGISTRY", "ATOLL_REDIS_URL"))
    }
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0"),
        *("--ds=tests.integration.third_party.settings", f"--junit-xml={path}"),
        # What the libraries use of Django that will go away is their affair.
        *("-W", "default::DeprecationWarning", "-W", "default::PendingDeprecationWarning"),
        str(HERE / "inside"),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    output = f"{done.stdout[-20_000:]}\n{done.stderr[-5_000:]}"
    assert path.is_file(), output
    return output, list(ET.parse(path).iter("testcase"))


@pytest.mark.parametrize("subject", SUBJECTS)
def test_unmodified_apps_work_inside_tenants(subject, report):
    output, cases = report
    module = f"tests.integration.third_party.inside.test_{subject}"
    mine = [case for case in cases if case.get("classname") == module]
    unwell = [case.get("name") for case in mine if len(case)]

    assert mine, output
    assert not unwell, output
