"""What Django's operations would do to the release that is running, and to other tenants. Pure.

SQL alone does not tell: that a default is drawn once, that code runs while tables are locked, that
the old release's INSERT leaves a column out.
"""

from collections.abc import Iterator
from typing import Any, Final

from django.db import models
from django.db.migrations import operations as ops
from django.db.migrations.migration import Migration
from django.db.migrations.state import ProjectState

from migrations_tools.replay.rule import OPERATIONS, why_not_constant
from migrations_tools.safety.recipes import RECIPES
from migrations_tools.safety.types import Finding

ACCEPTS: Final = "atoll_accepts"
"""A migration's own dict of rule → reason."""

_HARMLESS: Final = (ops.AlterModelOptions, ops.AlterModelManagers)
_RUNS_CODE: Final = (ops.RunPython, ops.RunSQL)


def check_operations(migration: Migration, before: ProjectState) -> Iterator[Finding]:
    """What `migration` does to a fleet whose models are `before`.

    Tables that the migration makes itself hold no rows, and nobody uses them yet.
    """
    node = migration.app_label, migration.name
    state = before.clone()
    made: set[str] = set()
    for operation in _flat(migration.operations):
        if isinstance(operation, ops.CreateModel):
            made.add(operation.name_lower)
        elif _model_of(operation) not in made:
            for rule, what in _found(migration.app_label, operation, state):
                yield Finding(node, rule, what, RECIPES[rule])
        operation.state_forwards(migration.app_label, state)
    if migration.atomic and (what := _mixed(migration, made)):
        yield Finding(node, "code-with-structure", what, RECIPES["code-with-structure"])


def _flat(operations: Any) -> Iterator[Any]:
    """With what SeparateDatabaseAndState does to the database in its place."""
    for operation in operations:
        if isinstance(operation, ops.SeparateDatabaseAndState):
            yield from _flat(operation.database_operations)
        else:
            yield operation


def _found(app_label: str, operation: Any, state: ProjectState) -> Iterator[tuple[str, str]]:
    match operation:
        case ops.DeleteModel():
            yield "ban-drop-table", f"{operation.describe()}: the release that runs still reads it."
        case ops.RemoveField():
            yield "ban-drop-column", f"{operation.describe()}: the release that runs reads it."
        case ops.RenameModel() | ops.AlterModelTable():
            if _is_managed(app_label, _model_of(operation), state):
                yield "renaming-table", f"{operation.describe()}: the release that runs uses both."
        case ops.RenameField():
            if _column_moves(app_label, operation, state):
                yield (
                    "renaming-column",
                    f"{operation.describe()}: the release that runs still uses the old name.",
                )
        case ops.AddField():
            yield from _added(operation)
        case ops.AlterField():
            yield from _altered(app_label, operation, state)


def _added(operation: ops.AddField) -> Iterator[tuple[str, str]]:
    field: Any = operation.field
    if field.many_to_many or getattr(field, "generated", False):
        return
    if reason := why_not_constant(field):
        yield "default-for-all", f"The default of {_name(operation)} {reason}: once for all rows."
    if not field.null and not _has_db_default(field):
        yield (
            "old-code-writes",
            f"{_name(operation)} is NOT NULL and has no default in the database.",
        )


def _altered(
    app_label: str, operation: ops.AlterField, state: ProjectState
) -> Iterator[tuple[str, str]]:
    field: Any = operation.field
    old: Any = state.models[app_label, operation.model_name_lower].fields[operation.name]
    if field.many_to_many or old.many_to_many:
        return
    if old.null and not field.null:
        if reason := why_not_constant(field):
            yield (
                "default-for-all",
                f"The default of {_name(operation)} {reason}: once for all rows.",
            )
        yield (
            "old-code-writes",
            f"{_name(operation)} becomes NOT NULL, and the release that runs may write NULL.",
        )
    if old.db_column != field.db_column:
        yield "renaming-column", f"{_name(operation)} gets another column."


def _mixed(migration: Migration, made: set[str]) -> str:
    """Code beside structure of tables that are in use; empty when that is not so."""
    operations = list(_flat(migration.operations))
    code = [one for one in operations if isinstance(one, _RUNS_CODE)]
    locking = [
        one
        for one in operations
        if type(one) in OPERATIONS
        and not isinstance(one, _HARMLESS)
        and not isinstance(one, ops.CreateModel)
        and _model_of(one) not in made
    ]
    if not code or not locking:
        return ""
    return f"{type(code[0]).__name__} runs beside “{locking[0].describe()}”, in one transaction."


def _model_of(operation: Any) -> str:
    for name in ("model_name_lower", "old_name_lower", "name_lower"):
        if hasattr(operation, name):
            return str(getattr(operation, name))
    return ""


def _name(operation: ops.AddField | ops.AlterField) -> str:
    return f"{operation.model_name}.{operation.name}"


def _is_managed(app_label: str, model: str, state: ProjectState) -> bool:
    found = state.models.get((app_label, model))
    return found is None or found.options.get("managed", True)


def _column_moves(app_label: str, operation: ops.RenameField, state: ProjectState) -> bool:
    model = state.models[app_label, operation.model_name_lower]
    field: Any = model.fields[operation.old_name]
    return field.db_column is None and not field.many_to_many


def _has_db_default(field: Any) -> bool:
    return getattr(field, "db_default", models.NOT_PROVIDED) is not models.NOT_PROVIDED
