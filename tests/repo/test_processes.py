"""The suite runs in two processes, and a folder in one of them."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

FOLDERS = ("tests/unit/lifecycle", "tests/unit/routers", "tests/unit/scope")
# What other folders need takes longer to import than these tests to run.
WITHOUT = ("-p", "no:hypothesispytest")


def test_each_folder_is_with_one_worker_and_both_have_some(root: Path) -> None:
    told = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadscope", "-v"),
            *("--no-loadscope-reorder", "-p", "no:cacheprovider", *WITHOUT, *FOLDERS),
        ],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
    )
    assert told.returncode == 0, told.stdout
    workers = defaultdict(set)
    for worker, folder in re.findall(r"\[(gw\d)\] .*PASSED (tests/unit/\w+)/", told.stdout):
        workers[folder].add(worker)
    assert workers.keys() == set(FOLDERS)
    assert all(len(mine) == 1 for mine in workers.values()), workers
    assert set.union(*workers.values()) == {"gw0", "gw1"}
