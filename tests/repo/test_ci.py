""".ci/run goes on after a failure, fails all the same, and ends with pytest's own closing line."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

CLOSING = "=========== 3 passed in 1.00s ==========="
MAKE = f"""\
#!/bin/sh
echo "$1" >>steps
[ "$1" = test ] && echo "{CLOSING}"
[ "$1" != "$FAILING" ] || {{ echo "make: *** [Makefile:1: $1] Error 1" >&2; exit 2; }}
"""
STEPS = [
    *("lint", "types", "contracts", "check-migrations", "demo-check", "test-django-quick"),
    "test",
]


@pytest.mark.parametrize("failing", ["", *STEPS])
def test_every_step_runs_and_one_that_fails_fails_the_whole(
    failing: str, root: Path, tmp_path: Path
) -> None:
    (tmp_path / ".ci").mkdir()
    shutil.copy(root / ".ci" / "run", tmp_path / ".ci")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in {"make": MAKE, "dpkg-query": "#!/bin/sh\necho ok installed\n"}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    done = subprocess.run(
        [tmp_path / ".ci" / "run"],
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "FAILING": failing},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert (tmp_path / "steps").read_text().split() == STEPS, done.stdout
    assert (done.returncode == 0) is (failing == ""), done.stdout
    assert done.stdout.splitlines()[-1] == CLOSING
    if failing not in ("", "test"):
        assert "Failed before the tests: " in done.stdout
