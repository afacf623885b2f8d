"""Which migrations may be sent to other schemas as the SQL that they sent to one.

Pure: it judges a migration by its text and by what was seen while it ran in a template. Every part
of the rule is wanted; tests/integration/replay takes each away and shows what would go wrong.

Source: docs/adr/0010.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from django.db.migrations import operations as ops
from django.db.migrations.migration import Migration
from django.db.models import NOT_PROVIDED

from migrations_tools.replay.types import Seen, Sender, Statement

Part = Callable[[Migration, Seen], str]
"""One part of the rule: why the migration breaks it, or nothing."""

# Exactly these: a subclass may look before it decides (FakeAddIndex, DeleteModelIfExists), and what
# it saw in the template says nothing of another schema.
OPERATIONS: Final = frozenset(
    getattr(ops, name)
    for name in (
        "CreateModel",
        "DeleteModel",
        "RenameModel",
        "AlterModelTable",
        "AlterModelTableComment",
        "AlterUniqueTogether",
        "AlterIndexTogether",
        "AlterOrderWithRespectTo",
        "AlterModelOptions",
        "AlterModelManagers",
        "AddIndex",
        "RemoveIndex",
        "RenameIndex",
        "AddConstraint",
        "RemoveConstraint",
        "AlterConstraint",
        "AddField",
        "RemoveField",
        "AlterField",
        "RenameField",
    )
    if hasattr(ops, name)  # AlterConstraint is of Django 6
)

CONSTANT_FACTORIES: Final = (dict, list, tuple, set, str, int, bool, float, bytes)
"""Callable defaults that give the same at every call."""

_HARMLESS: Final = frozenset(
    {Sender.INTROSPECTION, Sender.RECORDER, Sender.SAVEPOINT, Sender.FURNITURE}
)
# Django asks it outside of its introspection, before it makes an index on text.
_COLLATION: Final = re.compile(
    r"\s*SELECT\s+collisdeterministic\s+FROM\s+pg_collation\s+WHERE\s+collname\s*=\s*%s\s*"
)
_IF_EXISTS: Final = re.compile(r"\bDROP\s+INDEX\s+(?:CONCURRENTLY\s+)?IF\s+EXISTS\b", re.I)


def why_not_replayable(
    migration: Migration, seen: Seen, rule: tuple[Part, ...] | None = None
) -> str:
    """Why `migration` must run in each schema by itself; empty when its SQL may be sent instead.

    `seen` is what it did when it ran in the template; `rule` leaves parts out, for tests.
    """
    for part in RULE if rule is None else rule:
        if reason := part(migration, seen):
            return reason
    return ""


def applies_plainly(migration: Migration, seen: Seen) -> str:
    """Rule 1: Django's own `apply`, in one transaction."""
    if getattr(migration.apply, "__func__", None) is not Migration.apply:
        return "it has an `apply` of its own"
    if not migration.atomic:
        return "it runs outside a transaction (atomic = False)"
    return ""


def has_known_operations(migration: Migration, seen: Seen) -> str:
    """Rule 2: operations of Django's own classes, none that runs code or SQL of the author's."""
    for operation in migration.operations:
        if type(operation) not in OPERATIONS:
            return f"{type(operation).__name__} is not one of Django's structural operations"
        if "database_forwards" in vars(operation):
            return f"a {type(operation).__name__} has a database_forwards of its own"
    return ""


def was_pure(migration: Migration, seen: Seen) -> str:
    """Rule 3: nothing was sent but the schema editor's whole texts, and Django's own looks."""
    for statement in seen.statements:
        if statement.sender is Sender.EDITOR:
            if statement.parameters or statement.many:
                return f"a statement has parameters: {_short(statement.sql)}"
        elif statement.sender not in _HARMLESS and not _asks_for_collation(statement):
            return f"{statement.sender} sent {_short(statement.sql)}"
    return ""


def defaults_are_constant(migration: Migration, seen: Seen) -> str:
    """Rule 4: no default that was worked out once, in the template, for all tenants."""
    for name, default_of in seen.defaults:
        if reason := why_not_constant(default_of):
            return f"the default of {name} {reason}, and would be one for all tenants"
    return ""


def drops_are_resolved(migration: Migration, seen: Seen) -> str:
    """Rule 5: no DROP INDEX IF EXISTS; with another name it would succeed and leave the index."""
    for statement in editor_statements(seen):
        if _IF_EXISTS.search(statement):
            return f"{_short(statement)} would pass over an index of another name"
    return ""


RULE: Final[tuple[Part, ...]] = (
    applies_plainly,
    has_known_operations,
    was_pure,
    defaults_are_constant,
    drops_are_resolved,
)


def editor_statements(seen: Seen) -> Iterator[str]:
    """What the schema editor sent, in order."""
    return (one.sql for one in seen.statements if one.sender is Sender.EDITOR)


def why_not_constant(field: Any) -> str:
    """Why the default of a model's field may be another at the next call; empty when it is not."""
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        return "is the time of the call"
    # A class is callable: NOT_PROVIDED is one.
    default = field.default
    constant = any(default is one for one in (NOT_PROVIDED, *CONSTANT_FACTORIES))
    if callable(default) and not constant:
        return f"is worked out by {getattr(default, '__qualname__', repr(default))}()"
    for name in ("get_default", "_get_default"):
        owner = next(one for one in type(field).__mro__ if name in vars(one))
        if not owner.__module__.startswith("django."):
            return f"is worked out by {owner.__qualname__}.{name}()"
    return ""


def _asks_for_collation(statement: Statement) -> bool:
    return statement.sender is Sender.OTHER and bool(_COLLATION.fullmatch(statement.sql))


def _short(sql: str, letters: int = 60) -> str:
    line = " ".join(sql.split())
    return repr(line if len(line) <= letters else line[: letters - 1] + "…")
