"""What squawk says of the SQL that a migration sent."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from migrations_tools.loading import Node
from migrations_tools.safety.errors import NoSquawk, SquawkFailed
from migrations_tools.safety.recipes import RECIPES
from migrations_tools.safety.types import Finding

# Time-outs are the replay's and the executor's business; Django drops a column's default when it
# was only there to fill the column; sizes of numbers are a matter of the model.
_LEFT_OUT: Final = (
    "ban-drop-default",
    "prefer-bigint-over-int",
    "prefer-bigint-over-smallint",
    "prefer-identity",
    "prefer-robust-stmts",
    "prefer-text-field",
    "prefer-timestamp-tz",
    "require-lock-timeout",
    "require-statement-timeout",
    "transaction-nesting",
)
_TIME_LIMIT_S: Final = 30


def check_sql(node: Node, statements: Sequence[str], *, atomic: bool) -> Iterator[Finding]:
    """What these statements would lock or break, one finding per rule.

    Raises:
        NoSquawk: the program is not installed; it belongs to the development environment.
        SquawkFailed: it could not read the SQL.
    """
    told: set[str] = set()
    for said in _ask(";\n".join(statements) + ";\n", node, atomic):
        rule = str(said["rule_name"])
        if rule not in told:
            told.add(rule)
            line = statements_at(statements, int(said["line"]))
            what = f"{said['message']} {line}".strip()
            yield Finding(node, rule, what, RECIPES.get(rule) or str(said["help"] or ""))


def statements_at(statements: Sequence[str], line: int) -> str:
    """The statement that begins at or before this line of all of them, shortened."""
    at = 0
    for statement in statements:
        at += statement.count("\n") + 1
        if line < at:
            words = " ".join(statement.split())
            return f"({words if len(words) <= 120 else words[:119] + '…'})"
    return ""


def _ask(script: str, node: Node, atomic: bool) -> list[dict[str, Any]]:
    program = _program()
    command = [
        program,
        "--reporter=json",
        f"--exclude={','.join(_LEFT_OUT)}",
        f"--stdin-filepath={node[0]}.{node[1]}.sql",
        *(["--assume-in-transaction"] if atomic else []),
    ]
    try:
        done = subprocess.run(
            command,
            input=script,
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT_S,
            check=False,
        )
        said: list[dict[str, Any]] = json.loads(done.stdout or "[]")
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise SquawkFailed(node, str(error)) from error
    if done.returncode not in (0, 1):
        raise SquawkFailed(node, done.stderr)
    return said


def _program() -> str:
    beside = Path(sys.executable).parent / "squawk"
    found = str(beside) if beside.is_file() else shutil.which("squawk")
    if found is None:
        raise NoSquawk
    return found
