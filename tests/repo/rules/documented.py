"""What the reference must name: commands, settings, error codes, ids of system checks.

Read from the code's syntax trees, so that a page can be compared without starting Django. Both
ways: what is there is told, and what is told is there.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tests.repo.rules.tree import PRODUCT, Breach, parse, python_files, relative

SETTING: Final = re.compile(r"(?:ATOLL|TENANT)_[A-Z][A-Z0-9_]*")
CHECK: Final = re.compile(r"[a-z_]+\.[CEWI]\d{3}")
CODE: Final = re.compile(r"[a-z_]+(?:\.[a-z0-9_]+)+|AT\d{3}")

Names = dict[str, tuple[str, int]]
"""What was found, and where first: path and line."""


def commands(root: Path) -> Names:
    """Our management commands."""
    found: Names = {}
    for path in python_files(root, *PRODUCT):
        if path.parent.name == "commands" and path.stem != "__init__":
            found[path.stem] = (relative(root, path), 1)
    return found


def settings(root: Path) -> Names:
    """Settings and environment variables of ours: ATOLL_…, TENANT_…."""

    def names(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Attribute):
            if isinstance(node.value, ast.Name) and node.value.id == "settings":
                yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value

    found = _found(root, SETTING, names)
    for path in python_files(root, "platform/config/settings"):
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Name) and SETTING.fullmatch(node.id):
                found.setdefault(node.id, (relative(root, path), node.lineno))
    return found


def error_codes(root: Path) -> Names:
    """The stable codes of our errors: `code = "scope.no_tenant"` in a class."""

    def names(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.ClassDef):
            yield from (code for code in map(class_code, node.body) if code is not None)

    return _found(root, CODE, names)


def class_code(statement: ast.stmt) -> str | None:
    """The value of `code = "…"`, if this is that statement of a class."""
    if isinstance(statement, ast.Assign):
        target: ast.expr = statement.targets[0]
    elif isinstance(statement, ast.AnnAssign):
        target = statement.target
    else:
        return None
    value = statement.value
    named = isinstance(target, ast.Name) and target.id == "code"
    if named and isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value
    return None


def refusal_codes(root: Path) -> Names:
    """The codes by which moves are refused: `Refusal("moves.suspended", …)`."""

    def names(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            first = node.args[0]
            if node.func.id == "Refusal" and isinstance(first, ast.Constant):
                yield str(first.value)

    return _found(root, CODE, names)


def check_ids(root: Path) -> Names:
    """The ids of our system checks."""

    def names(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value

    return _found(root, CHECK, names)


def _found(root: Path, form: re.Pattern[str], names: Callable[[ast.AST], Iterator[str]]) -> Names:
    found: Names = {}
    for path in python_files(root, *PRODUCT, "deploy"):
        for node in ast.walk(parse(path)):
            for name in names(node):
                if form.fullmatch(name):
                    found.setdefault(name, (relative(root, path), getattr(node, "lineno", 1)))
    return found


def told(page: Path, form: re.Pattern[str]) -> Names:
    """The names that a page defines: by headings, else by the first cell of a table's row."""
    begins = r"#+\s+" if page.name == "commands.md" else r"\|\s*"
    found: Names = {}
    if page.is_file():
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
            head = re.match(rf"{begins}`([^`]+)`", line)
            if head and form.fullmatch(head[1]):
                found[head[1]] = (page.name, number)
    return found


def _compare(
    root: Path, name: str, form: re.Pattern[str], there: Callable[[Path], Names]
) -> Iterator[Breach]:
    page = root / "docs" / "reference" / name
    in_code, in_docs = there(root), told(page, form)
    for thing in sorted(in_code.keys() - in_docs.keys()):
        path, line = in_code[thing]
        yield Breach(path, line, f"`{thing}` is not told in docs/reference/{name}")
    for thing in sorted(in_docs.keys() - in_code.keys()):
        yield Breach(f"docs/reference/{name}", in_docs[thing][1], f"`{thing}` is no longer there")


def commands_are_documented(root: Path) -> Iterator[Breach]:
    """docs/reference/commands.md has a heading per command."""
    return _compare(root, "commands.md", re.compile(r"[a-z][a-z_-]*"), commands)


def settings_are_documented(root: Path) -> Iterator[Breach]:
    """docs/reference/settings.md has a row per setting and variable."""
    return _compare(root, "settings.md", SETTING, settings)


def errors_are_documented(root: Path) -> Iterator[Breach]:
    """docs/reference/errors.md has a row per code."""
    return _compare(root, "errors.md", CODE, error_codes)


def checks_are_documented(root: Path) -> Iterator[Breach]:
    """docs/reference/checks.md has a row per id, which says something."""
    yield from _compare(root, "checks.md", CHECK, check_ids)
    page = root / "docs" / "reference" / "checks.md"
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        if re.match(r"\|\s*`[^`]+`\s*\|\s*\|", line):
            yield Breach("docs/reference/checks.md", number, "a check without a meaning")


def refusals_are_documented(root: Path) -> Iterator[Breach]:
    """docs/how-to/moves.md names every code by which a move is refused, in rows that begin so."""
    page = root / "docs" / "how-to" / "moves.md"
    told_there: Names = {}
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
        cell = re.match(r"\|\s*(`moves\.[^|]*)\|", line)
        for code in re.findall(r"`([^`]+)`", cell[1]) if cell else ():
            told_there[code] = ("docs/how-to/moves.md", number)
    in_code = refusal_codes(root)
    for code in sorted(in_code.keys() - told_there.keys()):
        yield Breach(*in_code[code], f"`{code}` is not told in docs/how-to/moves.md")
    for code in sorted(told_there.keys() - in_code.keys()):
        yield Breach(*told_there[code], f"`{code}` is no longer there")


RULES: Final = (
    commands_are_documented,
    settings_are_documented,
    errors_are_documented,
    checks_are_documented,
    refusals_are_documented,
)
