"""Imports point down only (docs/architecture.md), and the contracts would say so if one did not."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from tests.repo.rules.tree import PRODUCT

# Where something is planted, in a file of its own or in one that is there, and what it imports.
BREACHES = {
    "Imports point down only": ("sharding/registry", "tenants"),
    "Inside sharding too": ("sharding/registry", "sharding.scope"),
    "Registry and scope know neither Django nor the driver": ("sharding/scope", "django.db"),
    "The budget of connections is plain data in, a plan out": ("sharding/pools/budget", "psycopg"),
    "The breaker's states know neither clock nor driver": (
        "sharding/pools/breaking/states.py",
        "time",
    ),
    "States, steps and recovery of moves know neither Django nor the driver": (
        "sharding/moves/core",
        "psycopg",
    ),
    "The planner of moves is plain data in, a plan out": ("sharding/rebalance/core", "django.db"),
    "The simulator of moves knows neither Django nor the driver": (
        "sharding/rebalance/simulation",
        "psycopg",
    ),
    "Slots are plain data and a lock": ("sharding/pools/slots.py", "redis"),
    "Routers turn the scope into an address and do no I/O": ("routers", "psycopg"),
    "The test kit is for tests only": ("tenants/services", "tenants.testing.kit"),
    "The product knows no pytest": ("tenants/services", "pytest"),
}


def test_the_contracts_are_kept(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = lint_imports(config_filename=str(root / "pyproject.toml"), no_cache=True, no_logo=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_a_breach_is_planted_for_every_contract(root: Path) -> None:
    told = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert {contract["name"] for contract in told["contracts"]} == BREACHES.keys()


def planted_in(contract: str) -> Path:
    place = Path(BREACHES[contract][0])
    return place if place.suffix else place / f"planted_{list(BREACHES).index(contract)}.py"


@pytest.fixture(scope="module")
def broken(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is said of each contract that is broken, where one breach of each is planted."""
    tree = tmp_path_factory.mktemp("planted")
    left_out = shutil.ignore_patterns("__pycache__", "static", "templates")
    for top in PRODUCT:
        shutil.copytree(root / top, tree / top, ignore=left_out)
    shutil.copy(root / "pyproject.toml", tree)
    for contract, (_, imported) in BREACHES.items():
        with (tree / planted_in(contract)).open("a") as file:
            file.write(f"\nimport {imported}\n")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": f"{tree}:{tree / 'platform'}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    parts = re.split(r"^(.+)\n-+\n", done.stdout.partition("Broken contracts")[2], flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("contract", BREACHES)
def test_a_planted_import_breaks_its_contract(contract: str, broken: dict[str, str]) -> None:
    module = ".".join(planted_in(contract).with_suffix("").parts)
    assert f"{module} -> " in broken.get(contract, ""), broken
