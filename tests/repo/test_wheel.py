"""The wheel holds every package, with its SQL, templates and styles, and no `platform/`."""

import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

from tests.repo.rules.tree import files, relative


def test_every_file_of_every_package_is_in_the_wheel_at_its_top(root: Path, tmp_path: Path) -> None:
    told = tomllib.loads((root / "pyproject.toml").read_text())
    packages = told["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    wanted = {relative(root, path).removeprefix("platform/") for path in files(root, *packages)}
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with ZipFile(wheel) as file:
        there = {name for name in file.namelist() if ".dist-info/" not in name}
    assert there == wanted
    assert {"config/wsgi.py", "sharding/schemas/services/fingerprint.sql"} <= there
    assert not [name for name in there if name.startswith("platform/")]
