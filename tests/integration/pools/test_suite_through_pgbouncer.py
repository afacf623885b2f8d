"""A share of `make test-pgbouncer`: how statements are bound, through generated files."""

import os
import subprocess
import sys

import pytest

from config import env

pytestmark = pytest.mark.needs("pgbouncer")
SHARE = "tests/integration/backend/test_binding.py"


@pytest.mark.slow
def test_statements_are_bound_through_a_pgbouncer_with_our_files():
    """That `make test-pgbouncer` can run at all, which `make test-full` then does.

    In `make test` statements go through such files in test_pgbouncer_files.py and
    test_check_pooler.py, there with a driver that is not bound as the control.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ATOLL_")}
    run = subprocess.run(
        (sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", SHARE),
        cwd=env.ROOT,
        env={**kept, "ATOLL_TEST_POOLER": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
    assert " passed" in run.stdout
    assert "failed" not in run.stdout
