"""Migrations that are recorded in one schema and replayed in others.

The apps that these tests need are no part of the product, so they need a Django of their own: a
second pytest, started here on this run's servers, runs the tests of `inside/`.
"""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
SUBJECTS = ("segments", "operations", "rule", "every_migration", "random")
SLOW = ("operations", "random", "image")
OF_ALL = ("every_migration", "image")


def run_inside(folder, *, settings, marks, limit, subjects=SUBJECTS):
    """Run the tests of `inside/` that `marks` chooses; their outcomes by subject."""
    path = folder / "report.xml"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")
    }
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", "-m", marks),
        f"--timeout={limit}",
        *(f"--ds=tests.integration.replay.{settings}", f"--junit-xml={path}"),
        # What the libraries use of Django that will go away is their affair.
        *("-W", "default::DeprecationWarning", "-W", "default::PendingDeprecationWarning"),
        *(str(HERE / "inside" / f"test_{subject}.py") for subject in subjects),
    ]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=limit,
        check=False,
    )
    output = f"{done.stdout[-20_000:]}\n{done.stderr[-5_000:]}"
    assert path.is_file(), output
    return output, list(ET.parse(path).iter("testcase"))


def assert_well(subject, report):
    """Every test of this subject was run, and went well."""
    output, cases = report
    module = f"tests.integration.replay.inside.test_{subject}"
    mine = [case for case in cases if case.get("classname") == module]
    unwell = [case.get("name") for case in mine if len(case)]

    assert mine, output
    assert not unwell, output


@pytest.fixture(scope="module")
def report(stack_ready, tmp_path_factory):
    """What the second pytest said."""
    return run_inside(
        tmp_path_factory.mktemp("replay"), settings="settings", marks="not slow", limit=280
    )


@pytest.mark.parametrize("subject", SUBJECTS)
def test_migrations_are_replayed(subject, report):
    assert_well(subject, report)


@pytest.mark.slow
@pytest.mark.timeout(1300)
def test_every_operation_and_long_histories_are_replayed(stack_ready, tmp_path):
    report = run_inside(tmp_path, settings="settings", marks="slow", limit=1200, subjects=SLOW)

    for subject in SLOW:
        assert_well(subject, report)


@pytest.mark.slow
@pytest.mark.timeout(1300)
def test_all_of_wagtail_allauth_and_oauth_toolkit_is_replayed(stack_ready, tmp_path):
    report = run_inside(
        tmp_path, settings="settings_all", marks="slow or not slow", limit=1200, subjects=OF_ALL
    )

    for subject in OF_ALL:
        assert_well(subject, report)
