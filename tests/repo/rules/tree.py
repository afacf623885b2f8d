"""The files of a tree, and what a breach of a rule looks like."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

PRODUCT: Final = ("sharding", "migrations_tools", "routers", "tenants", "platform")
"""The folders whose code goes to production (and devstack, which lies among them)."""

ALL_CODE: Final = (*PRODUCT, "tests", "tools", "deploy", "manage.py")

TEXT_SUFFIXES: Final = frozenset(
    {".py", ".md", ".sql", ".html", ".css", ".js", ".svg", ".sh", ".toml", ".yaml", ".yml"}
    | {".txt", ".in", ".conf", ".ini", ".cfg", ".tmpl", ".template", ".json", ""}
)


_MADE: Final = frozenset({"media", "staticfiles", "build", "dist", "htmlcov"})
"""At the top: what runs leave there, as uploads of tenants, which come and go while tests run."""


@dataclass(frozen=True, slots=True, order=True)
class Breach:
    """One place that breaks one rule."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


def files(root: Path, *tops: str) -> Iterator[Path]:
    """The files below the given top-level names, but what tools and servers leave behind."""
    for top in tops:
        start = root / top
        if start.is_file():
            yield start
        elif start.is_dir():
            for path in sorted(start.rglob("*")):
                inner = path.relative_to(root).parts
                if path.is_file() and not any(_left_behind(part) for part in inner[:-1]):
                    yield path


def _left_behind(folder: str) -> bool:
    return folder == "__pycache__" or (folder.startswith(".") and folder != ".ci")


def python_files(root: Path, *tops: str) -> Iterator[Path]:
    """The Python files below the given top-level names."""
    return (path for path in files(root, *(tops or ALL_CODE)) if path.suffix == ".py")


def text_files(root: Path) -> Iterator[Path]:
    """Every text file that people wrote, the hidden ones of the root included."""
    tops = [
        path.name
        for path in sorted(root.iterdir())
        if path.name not in _MADE
        and (path.is_file() or path.name == ".ci" or not path.name.startswith("."))
    ]
    return (path for path in files(root, *tops) if path.suffix in TEXT_SUFFIXES)


def relative(root: Path, path: Path) -> str:
    """The path as breaches and allow-lists name it."""
    return path.relative_to(root).as_posix()


@lru_cache(maxsize=4096)
def _parsed(path: Path, changed_at: int) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


def parse(path: Path) -> ast.Module:
    """The syntax tree of a Python file, parsed once per version of the file."""
    return _parsed(path, path.stat().st_mtime_ns)


def with_owner(module: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Every node with the dotted name of the class and function that it stands in."""

    def walk(node: ast.AST, owner: str) -> Iterator[tuple[ast.AST, str]]:
        for child in ast.iter_child_nodes(node):
            yield child, owner
            inner = owner
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                inner = f"{owner}.{child.name}" if owner else child.name
            yield from walk(child, inner)

    return walk(module, "")


def called(node: ast.Call) -> str:
    """The last name of what a call calls: `b` for `a.b(…)`, `f` for `f(…)`."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""
