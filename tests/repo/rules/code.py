"""Rules about what code says, read from its syntax tree.

Each yields every place that it finds; `tests/repo/allowed.py` names the few that are right, each
with its reason.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.repo.rules.tree import PRODUCT, Breach, called, parse, python_files, relative, with_owner

SQL: Final = re.compile(
    r"""\b(SELECT\s.*\bFROM\b | SELECT\s+(1|set_config|pg_) | INSERT\s+INTO\b | UPDATE\s+\S+\s+SET\b
    | DELETE\s+FROM\b | TRUNCATE\s | (CREATE|ALTER|DROP)\s+(OR\s|TABLE|SCHEMA|ROLE|USER|DATABASE
    |INDEX|FUNCTION|TRIGGER|VIEW|SEQUENCE|EXTENSION|PUBLICATION|SUBSCRIPTION) | GRANT\s | REVOKE\s
    | SET\s+(LOCAL\s+|SESSION\s+)?(ROLE|search_path)\b | LOCK\s+TABLE\b
    | COPY\s+\S+\s+(FROM|TO)\b)""",
    re.VERBOSE | re.DOTALL,
)
SAFE_ALIASES: Final = frozenset({"control", "default"})
SAFE_CONSTANTS: Final = frozenset({"CONTROL", "CONTROL_ALIAS", "DEFAULT_DB_ALIAS"})
ASKING_FOR_PYTEST: Final = frozenset({"pytest", "PYTEST_CURRENT_TEST", "PYTEST_VERSION"})
TEST_KIT: Final = ("tenants/testing/", "platform/devstack/testing.py")
"""Made for adopters' tests; that nothing else imports it is a contract of import-linter."""
FENCED: Final = "AT001"
LATCH: Final = "sharding/scope/latch.py"
LATE_IMPORTS: Final = frozenset({"import_string", "import_module", "get_model", "__import__"})


def _text(node: ast.expr) -> str:
    """The constant text of a string or bytes expression, gaps left out."""
    if isinstance(node, ast.JoinedStr):
        return "\0".join(_text(value) for value in node.values)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Constant) and isinstance(node.value, bytes):
        return node.value.decode("utf-8", "replace")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return f"{_text(node.left)}\0{_text(node.right)}"
    return ""


def _puts_together(node: ast.AST) -> ast.expr | None:
    """The text into which values go, if this node puts values into a text."""
    if isinstance(node, ast.JoinedStr):
        return node if any(isinstance(v, ast.FormattedValue) for v in node.values) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return node.left
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        plain = all(isinstance(side, ast.Constant) for side in (node.left, node.right))
        return None if plain else node
    if isinstance(node, ast.Call) and called(node) == "format":
        assert isinstance(node.func, ast.Attribute | ast.Name)
        return node.func.value if isinstance(node.func, ast.Attribute) else None
    return None


def sql_put_together(root: Path) -> Iterator[Breach]:
    """Values get into SQL by the driver (parameters, psycopg.sql), never by text."""
    for path in python_files(root, *PRODUCT):
        for node, owner in with_owner(parse(path)):
            text = _puts_together(node)
            if text is not None and SQL.search(_text(text)):
                assert isinstance(node, ast.expr)
                yield Breach(
                    relative(root, path), node.lineno, f"{owner}: SQL put together as text"
                )


def shard_alias_named(root: Path) -> Iterator[Breach]:
    """Above sharding nobody names a shard's alias: `default` is right by construction."""
    for path in python_files(root, *(top for top in PRODUCT if top != "sharding")):
        for node, owner in with_owner(parse(path)):
            if isinstance(node, ast.Call):
                for value in _aliases(node):
                    if not _safe_alias(value, owner):
                        yield Breach(
                            relative(root, path),
                            node.lineno,
                            f"{owner}: using={ast.unparse(value)}",
                        )


def _aliases(node: ast.Call) -> Iterator[ast.expr]:
    for keyword in node.keywords:
        if keyword.arg == "using":
            yield keyword.value
    if isinstance(node.func, ast.Attribute) and called(node) in {"using", "db_manager"}:
        yield from node.args[:1]


def _safe_alias(value: ast.expr, owner: str) -> bool:
    if isinstance(value, ast.Constant):
        return value.value is None or value.value in SAFE_ALIASES
    if ast.unparse(value) in SAFE_CONSTANTS:
        return True
    # A method that was given `using` hands it on: its caller is the one to be asked.
    return isinstance(value, ast.Name) and value.id == "using" and bool(owner)


def broad_excepts(root: Path) -> Iterator[Breach]:
    """No handler swallows everything, but the loops at a program's edge."""
    for path in python_files(root, *PRODUCT):
        for node, owner in with_owner(parse(path)):
            if isinstance(node, ast.ExceptHandler) and _is_broad(node.type):
                # `raise` and `raise … from` both go on; what goes on is not swallowed.
                if any(isinstance(inner, ast.Raise) for inner in ast.walk(node)):
                    continue
                yield Breach(relative(root, path), node.lineno, f"{owner}: swallows every error")


def _is_broad(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_is_broad(each) for each in caught.elts)
    return caught is None or (
        isinstance(caught, ast.Name) and caught.id in {"Exception", "BaseException"}
    )


def late_imports(root: Path) -> Iterator[Breach]:
    """A name that is only looked up at run time walks round the layers that import-linter sees."""
    for path in python_files(root, *PRODUCT):
        if "migrations" in path.parts:
            continue  # `apps.get_model` is the only right way there
        for node, owner in with_owner(parse(path)):
            if isinstance(node, ast.Call) and called(node) in LATE_IMPORTS:
                yield Breach(
                    relative(root, path), node.lineno, f"{owner}: {called(node)}(…) at run time"
                )


def fence_caught_by_hand(root: Path) -> Iterator[Breach]:
    """That a tenant has moved is found out by the latch, never by who catches an error."""
    for path in python_files(root, *PRODUCT):
        if relative(root, path) == LATCH:
            continue
        for node, owner in with_owner(parse(path)):
            named = isinstance(node, ast.Constant) and node.value == FENCED
            imported = isinstance(node, ast.ImportFrom) and any(
                name.name == "FENCED" for name in node.names
            )
            if named or imported:
                assert isinstance(node, ast.stmt | ast.expr)
                yield Breach(relative(root, path), node.lineno, f"{owner}: asks for {FENCED}")


def asks_for_pytest(root: Path) -> Iterator[Breach]:
    """What runs in production does not know that there are tests."""
    for path in python_files(root, *PRODUCT):
        if relative(root, path).startswith(TEST_KIT):
            continue
        for node, owner in with_owner(parse(path)):
            imported = isinstance(node, ast.Import | ast.ImportFrom) and "pytest" in ast.unparse(
                node
            )
            named = isinstance(node, ast.Constant) and node.value in ASKING_FOR_PYTEST
            if imported or named:
                assert isinstance(node, ast.stmt | ast.expr)
                yield Breach(
                    relative(root, path), node.lineno, f"{owner}: asks whether it is tested"
                )


RULES: Final = (
    sql_put_together,
    shard_alias_named,
    broad_excepts,
    late_imports,
    fence_caught_by_hand,
    asks_for_pytest,
)
