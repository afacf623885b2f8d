"""Adopted schemas, in a Django whose tenants' apps are those of the old project.

They are part of INSTALLED_APPS, so they need a Django of their own: a second pytest, started here,
runs the tests of `inside/` with this folder's settings. Each of its files is told by name.
"""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

# The second pytest has limits of its own.
pytestmark = pytest.mark.timeout(900)

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def run_inside(folder: Path, *arguments: str) -> tuple[str, list[ET.Element]]:
    """What the second pytest said: its output, and its test cases."""
    path = folder / "report.xml"
    environment = {
        name: value
        for name, value in os.environ.items()
        # The registry and Redis of this session are not theirs; they start servers of their own.
        if not name.startswith(("PYTEST_", "ATOLL_REGISTRY", "ATOLL_REDIS_URL"))
    }
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0"),
        *("--ds=tests.integration.adoption.settings", f"--junit-xml={path}"),
        *arguments,
        str(HERE / "inside"),
    ]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    output = f"{done.stdout[-20_000:]}\n{done.stderr[-5_000:]}"
    assert path.is_file(), output
    return output, list(ET.parse(path).iter("testcase"))


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    return run_inside(tmp_path_factory.mktemp("adoption"), "-m", "not slow")


@pytest.mark.parametrize("subject", ["adopted", "commands", "killed"])
def test_schemas_of_django_tenants_become_tenants(subject, report):
    output, cases = report
    module = f"tests.integration.adoption.inside.test_{subject}"
    mine = [case for case in cases if case.get("classname") == module]
    unwell = [case.get("name") for case in mine if len(case)]

    assert mine, output
    assert not unwell, output


@pytest.mark.slow
def test_a_hundred_thousand_rows_read_the_same_afterwards(tmp_path):
    output, cases = run_inside(tmp_path, "-m", "slow")

    assert cases, output
    assert not [case.get("name") for case in cases if len(case)], output
