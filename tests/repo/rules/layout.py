"""Rules about where things are, how they are called, and how long they are."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.repo.rules.tree import PRODUCT, Breach, parse, python_files, relative

CODE_LINES: Final = 400
TEST_LINES: Final = 700
README_LINES: Final = 60
TOP_PACKAGES: Final = ("sharding", "tenants", "routers", "migrations_tools", "deploy")

FORBIDDEN_NAMES: Final = {
    "celery.py": "would be taken for the library",
    "utils.py": "says nothing about what is in it",
    "helpers.py": "says nothing about what is in it",
    "common.py": "says nothing about what is in it",
}
RE_EXPORTING: Final = frozenset({"sharding/scope/__init__.py"})


def platform_is_no_package(root: Path) -> Iterator[Breach]:
    """`platform/__init__.py` or `platform.py` would stand in the standard library's place."""
    for name in ("platform/__init__.py", "platform.py", "platform/platform.py"):
        if (root / name).exists():
            yield Breach(name, 1, "hides the standard library's `platform` (docs/adr/0001)")


def names(root: Path) -> Iterator[Breach]:
    """No module or package has a name that misleads or says nothing."""
    for path in python_files(root):
        for name in (path.name, f"{path.parent.name}.py"):
            if name in FORBIDDEN_NAMES:
                yield Breach(relative(root, path), 1, f"{name}: {FORBIDDEN_NAMES[name]}")


def lengths(root: Path) -> Iterator[Breach]:
    """Files stay small: 400 lines of code, 700 of tests, 60 of a package's README."""
    for path in python_files(root):
        name = relative(root, path)
        limit = TEST_LINES if name.startswith("tests/") else CODE_LINES
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > limit:
            yield Breach(
                name, lines, f"has {lines} lines, at most {limit}: which two ideas are it?"
            )
    for top in TOP_PACKAGES:
        readme = root / top / "README.md"
        if not readme.is_file():
            yield Breach(f"{top}/README.md", 1, "is missing: owns, promises, imports, start here")
        elif len(readme.read_text(encoding="utf-8").splitlines()) > README_LINES:
            yield Breach(f"{top}/README.md", README_LINES, f"has more than {README_LINES} lines")


def init_files_hold_a_docstring(root: Path) -> Iterator[Breach]:
    """An `__init__.py` says what the package is, and nothing else."""
    for path in python_files(root):
        name = relative(root, path)
        if path.name != "__init__.py" or name in RE_EXPORTING:
            continue
        body = parse(path).body
        silent = path.parent.name in {"migrations", "management", "commands", "templatetags"}
        if ast.get_docstring(parse(path)) is None and not (silent and not body):
            yield Breach(name, 1, "has no docstring")
        if len(body) > 1:
            yield Breach(name, body[1].lineno, "holds more than a docstring")


def folders_are_packages(root: Path) -> Iterator[Breach]:
    """Each folder of Python files is a package, so that two modules may have one name."""
    for folder in {path.parent for path in python_files(root, *PRODUCT, "tests")}:
        if folder != root / "platform" and not (folder / "__init__.py").exists():
            yield Breach(relative(root, folder), 1, "has no __init__.py")


def no_python_in_deploy(root: Path) -> Iterator[Breach]:
    """`deploy/` holds no importable Python: configuration that servers read at most."""
    for path in python_files(root, "deploy"):
        if path.name == "__init__.py" or not path.name.endswith(".conf.py"):
            yield Breach(relative(root, path), 1, "importable Python in deploy/")


def packages_are_listed(root: Path) -> Iterator[Breach]:
    """Each package of the product is in the wheel, in a layer, and known as ours to the tools."""
    tools = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]
    linter = tools["importlinter"]
    (layers,) = (each["layers"] for each in linter["contracts"] if each["id"] == "layers")
    wheel = tools["hatch"]["build"]["targets"]["wheel"]["packages"]
    lists: dict[str, set[str]] = {
        "the wheel's packages": {Path(each).name for each in wheel},
        "import-linter's root_packages": set(linter["root_packages"]),
        "import-linter's layers": {name.strip() for line in layers for name in line.split("|")},
        "ruff's known-first-party": set(tools["ruff"]["lint"]["isort"]["known-first-party"]),
    }
    tops = [root / top for top in PRODUCT if top != "platform"]
    folders = [*tops, *(root / "platform").glob("*")]
    there = {each.name for each in folders if (each / "__init__.py").is_file()}
    for name, listed in lists.items():
        for package in sorted(there - listed):
            yield Breach("pyproject.toml", 1, f"`{package}` is not among {name}")
        for package in sorted(listed - there - {"tests"}):
            yield Breach("pyproject.toml", 1, f"`{package}`, among {name}, is not there")


RULES: Final = (
    platform_is_no_package,
    packages_are_listed,
    names,
    lengths,
    init_files_hold_a_docstring,
    folders_are_packages,
    no_python_in_deploy,
)
