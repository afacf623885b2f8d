"""Django's own tests: they come with its source distribution, not with its wheel."""

import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.django_suite.errors import SourceMissing

# As runtests.py has it; GIS it leaves out by itself where the backend has none, as here.
_NO_LABELS: Final = {"gis_tests", "import_error_package", "test_runner_apps"}

DOWNLOAD_TIMEOUT_SECONDS: Final = 180


def fetched_tests(version: str, cache: Path) -> Path:
    """The `tests` folder of Django `version`, fetched into `cache` when it is not there yet.

    Idempotent: what is there is whole, since it is moved into place in one step.
    Raises:
        SourceMissing: it is not cached, and pip cannot fetch it.
    """
    folder = cache / "source" / f"django-{version}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
            _unpack(_download(version, Path(temporary)), into=folder)
    return folder / "tests"


def all_labels(tests: Path) -> Sequence[str]:
    """The parts of the suite below `tests`, but for GIS and for what is no part of it."""
    return sorted(
        folder.name
        for folder in tests.iterdir()
        if (folder / "__init__.py").exists() and folder.name not in _NO_LABELS
    )


def _download(version: str, into: Path) -> Path:
    # The installed version exactly; no build isolation, so that nothing else is fetched for it.
    command = [
        *(sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
        *("--no-binary", ":all:", "--no-deps", "--no-build-isolation"),
        *("--dest", str(into), f"Django=={version}"),
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_SECONDS, check=False
        )
        said = done.stderr.strip()
    except subprocess.TimeoutExpired:
        said = f"pip gave no answer in {DOWNLOAD_TIMEOUT_SECONDS} s"
    archives = list(into.glob("*.tar.gz"))
    if len(archives) != 1:
        last = said.splitlines()[-1] if said else "pip said nothing"
        raise SourceMissing(
            f"The source distribution of Django {version} holds its test suite, and it could not "
            f"be fetched ({last}). Run this once with access to a package index, or unpack "
            f"django-{version}.tar.gz into .django_suite/source/ by hand."
        )
    return archives[0]


def _unpack(archive: Path, *, into: Path) -> None:
    target = archive.parent / "unpacked"
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")
    (root,) = target.iterdir()
    try:
        root.rename(into)
    except OSError:
        # Another run was faster; its copy is as good.
        if not into.is_dir():
            raise
        shutil.rmtree(root)
