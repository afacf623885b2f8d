"""Imports point down only (docs/architecture.md), and the contracts would say so if one did not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from tests.repo.rules.tree import PRODUCT

BREACHES = {
    "Imports point down only": ("sharding/registry/planted.py", "import tenants"),
    "Inside sharding too": ("sharding/registry/planted.py", "import sharding.scope"),
    "Registry and scope know neither Django nor the driver": (
        "sharding/scope/planted.py",
        "import django.db",
    ),
    "Routers turn the scope into an address and do no I/O": (
        "routers/planted.py",
        "import psycopg",
    ),
}


def test_the_contracts_are_kept(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = lint_imports(config_filename=str(root / "pyproject.toml"), no_cache=True, no_logo=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


@pytest.mark.parametrize("contract", BREACHES)
def test_a_planted_import_breaks_its_contract(contract: str, root: Path, tmp_path: Path) -> None:
    left_out = shutil.ignore_patterns("__pycache__", "static", "templates")
    for top in PRODUCT:
        shutil.copytree(root / top, tmp_path / top, ignore=left_out)
    shutil.copy(root / "pyproject.toml", tmp_path)
    planted, line = BREACHES[contract]
    (tmp_path / planted).write_text(f"{line}\n")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{tmp_path / 'platform'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"{contract} BROKEN" in done.stdout
