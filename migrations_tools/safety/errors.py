"""Why migrations cannot be checked.

MigrationToolsError
└── SafetyError
    ├── NoSquawk
    ├── SquawkFailed
    └── UnknownMigration
"""

from typing import ClassVar

from migrations_tools.errors import MigrationToolsError
from migrations_tools.loading import Node


class SafetyError(MigrationToolsError):
    """Migrations cannot be checked."""

    code: ClassVar[str] = "safety"


class NoSquawk(SafetyError):
    """The program that checks SQL is not there."""

    code = "safety.no_squawk"

    def __init__(self) -> None:
        super().__init__(
            "squawk is not installed, so the SQL of migrations cannot be checked. It belongs to "
            "the development environment: pip install -r requirements/dev.txt."
        )


class SquawkFailed(SafetyError):
    """squawk could not read the SQL of a migration."""

    code = "safety.squawk_failed"

    def __init__(self, node: Node, reason: str) -> None:
        super().__init__(
            f"squawk could not check {node[0]}.{node[1]}: {' '.join(reason.split())[:300]} Is its "
            "SQL PostgreSQL's?"
        )


class UnknownMigration(SafetyError):
    """A setting or an argument names a migration or an app that is not there."""

    code = "safety.unknown_migration"

    def __init__(self, said: str, where: str) -> None:
        super().__init__(
            f"{where} names {said}, which is no migration of an app that tenants have. "
            "`manage.py showmigrations` lists them."
        )
