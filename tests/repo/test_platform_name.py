"""`import platform` is the standard library's, in every program that we start.

`platform/` is a folder on the path and no package (docs/adr/0001). On Python 3.13 `manage.py check`
passes even when it hides the standard library, so each test looks at where the module came from.
"""

import os
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

STANDARD = Path(sysconfig.get_path("stdlib"), "platform.py")
SAY = "import platform; print('platform is', platform.__file__)"


def run(*command: str, cwd: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"}
    environment.pop("PYTHONPATH", None)
    if path is not None:
        environment["PYTHONPATH"] = path
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def found_by(done: subprocess.CompletedProcess[str]) -> Path:
    said = [line for line in done.stdout.splitlines() if line.startswith("platform is ")]
    assert said, done.stderr or done.stdout
    return Path(said[-1].removeprefix("platform is "))


@pytest.fixture
def probe(tmp_path: Path) -> Path:
    """A folder with a WSGI and a Celery module that load ours and say what they found."""
    (tmp_path / "probe_wsgi.py").write_text(
        f"from config.wsgi import application\n{SAY.replace('; ', chr(10))}\n"
    )
    (tmp_path / "probe_celery.py").write_text(
        f"from config.celery_app import app\n{SAY.replace('; ', chr(10))}\n"
    )
    return tmp_path


def test_in_this_pytest() -> None:
    assert Path(platform.__file__ or "") == STANDARD
    assert platform.python_version()


@pytest.mark.parametrize(
    "program",
    [
        ("-m", "pytest"),
        pytest.param((str(Path(sys.executable).parent / "pytest"),), marks=pytest.mark.slow),
    ],
)
def test_in_a_pytest_of_its_own(program: tuple[str, ...], root: Path) -> None:
    python = (sys.executable,) if program[0] == "-m" else ()
    this = "tests/repo/test_platform_name.py::test_in_this_pytest"
    # What other folders need takes longer to import than this to run.
    without = ("-p", "no:hypothesispytest", "-p", "no:cacheprovider")
    done = run(*python, *program, "-q", *without, this, cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr


def test_in_manage_py(root: Path) -> None:
    done = run(sys.executable, "manage.py", "shell", "--no-imports", "-c", SAY, cwd=root)
    assert found_by(done) == STANDARD


@pytest.mark.parametrize(
    "options",
    # The last one puts the folder itself on the path, where the others have what is above it.
    [
        *(pytest.param(o, marks=pytest.mark.slow) for o in ((), ("--preload",))),
        ("--chdir", "platform"),
    ],
)
def test_in_gunicorn(options: tuple[str, ...], root: Path, probe: Path) -> None:
    gunicorn = str(Path(sys.executable).parent / "gunicorn")
    done = run(gunicorn, *options, "--check-config", "probe_wsgi", cwd=root, path=str(probe))
    assert found_by(done) == STANDARD


def test_in_celery(root: Path, probe: Path) -> None:
    done = run(
        sys.executable, "-m", "celery", "-A", "probe_celery", "report", cwd=root, path=str(probe)
    )
    assert found_by(done) == STANDARD


@pytest.mark.parametrize("flags", [(), ("-P",)])
@pytest.mark.parametrize("path", [None, ".", ".:platform"])
def test_in_any_python_started_here(flags: tuple[str, ...], path: str | None, root: Path) -> None:
    assert found_by(run(sys.executable, *flags, "-c", SAY, cwd=root, path=path)) == STANDARD


@pytest.mark.parametrize("planted", ["platform/__init__.py", "platform.py"])
def test_a_planted_package_or_module_would_be_seen(planted: str, tmp_path: Path) -> None:
    path = tmp_path / planted
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    assert found_by(run(sys.executable, "-c", SAY, cwd=tmp_path)) == path
