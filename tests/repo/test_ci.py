""".ci/run goes on after a failure, fails all the same, and ends with pytest's own closing line."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

CLOSING = "=========== 3 passed in 1.00s ==========="
ALONE = "=========== 1 passed in 1.00s ==========="
# Stands for make: `FAILING` are targets that fail, `LAST_FAILED` the tests that pytest wrote down,
# `STATUS` what pytest ended with.
MAKE = f"""\
#!/bin/sh
echo "$1" >>steps
case "$1" in
test) echo "{CLOSING}"; mkdir -p .pytest_cache/v/cache
      printf '%b' "$LAST_FAILED" >.pytest_cache/v/cache/lastfailed ;;
test-failed) echo "{ALONE}" ;;
esac
case " $FAILING " in
*" $1 "*) echo "make: *** [Makefile:1: $1] Error $STATUS" >&2; exit 2 ;;
esac
"""
STEPS = [
    *("lint", "types", "contracts", "check-migrations", "demo-check", "test-django-quick"),
    "test",
]


@pytest.fixture
def ci_run(root: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    (tmp_path / ".ci").mkdir()
    shutil.copy(root / ".ci" / "run", tmp_path / ".ci")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {"make": MAKE, "dpkg-query": "#!/bin/sh\necho ok installed\n"}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)

    def run(
        failing: str, last_failed: Iterable[str] = (), status: int = 1
    ) -> subprocess.CompletedProcess[str]:
        env = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "FAILING": failing,
            "STATUS": str(status),
            "LAST_FAILED": json.dumps(dict.fromkeys(last_failed, True), indent=2),
        }
        return subprocess.run(
            [tmp_path / ".ci" / "run"],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.mark.parametrize("failing", ["", *STEPS])
def test_every_step_runs_and_one_that_fails_fails_the_whole(
    failing: str, ci_run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = ci_run(failing)
    assert (tmp_path / "steps").read_text().split() == STEPS, done.stdout
    assert (done.returncode == 0) is (failing == ""), done.stdout
    assert done.stdout.splitlines()[-1] == CLOSING
    if failing not in ("", "test"):
        assert "Failed before the tests: " in done.stdout


@pytest.mark.parametrize(
    ("failing", "last_failed", "status", "again", "lands"),
    [
        ("test", ["a.py::one", "b.py::two[x]"], 1, True, True),
        ("test test-failed", ["a.py::one"], 1, True, False),
        ("lint test", ["a.py::one"], 1, True, False),
        ("test", ["a.py::one", "a.py::two", "a.py::three"], 1, False, False),
        # Interrupted, or an error of pytest's own: what it did not come to has not passed.
        ("test", ["a.py::one"], 2, False, False),
        ("test", [], 1, False, False),
    ],
)
def test_one_or_two_that_fail_among_the_others_get_a_second_chance_alone(
    failing: str,
    last_failed: list[str],
    status: int,
    again: bool,
    lands: bool,
    ci_run: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
) -> None:
    done = ci_run(failing, last_failed, status)
    ran = (tmp_path / "steps").read_text().split()
    assert ran == [*STEPS, *(["test-failed"] if again else [])], done.stdout
    assert (done.returncode == 0) is lands, done.stdout
    assert done.stdout.splitlines()[-1] == (ALONE if again else CLOSING)
    assert all(f"  {name}\n" in done.stdout for name in last_failed) is again or not last_failed
