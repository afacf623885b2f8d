"""What migrations_tools refuses.

MigrationToolsError
├── HalfApplied
├── SchemaBusy
└── SchemaClosed
"""

from typing import ClassVar


class MigrationToolsError(Exception):
    """A schema cannot be brought to the state of the code."""

    code: ClassVar[str] = "migrations"
    retryable: ClassVar[bool] = False


class HalfApplied(MigrationToolsError):
    """A migration that cannot be rolled back was cut off in a schema that serves its tenant."""

    code = "migrations.half_applied"

    def __init__(self, schema: str, migration: str) -> None:
        self.schema = schema
        self.migration = migration
        super().__init__(
            f"Migration {migration} was cut off in {schema!r} and, being non-atomic, left a part "
            "of itself behind. Finish or undo that part by hand (look for an invalid index), clear "
            "the column `unfinished` of its row in atoll.tenant_schema, and run it again."
        )


class SchemaBusy(MigrationToolsError):
    """Somebody else is building or migrating this schema."""

    code = "migrations.busy"
    retryable = True

    def __init__(self, schema: str) -> None:
        self.schema = schema
        super().__init__(
            f"Another process is building or migrating {schema!r}. Wait until it is through; after "
            "a crash its server session ends within seconds."
        )


class SchemaClosed(MigrationToolsError):
    """A schema that is fenced, sealed or being dropped takes no migrations."""

    code = "migrations.closed"
    retryable = True

    def __init__(self, schema: str, phase: str) -> None:
        self.schema = schema
        self.phase = phase
        super().__init__(
            f"Schema {schema!r} is {phase} and takes no migrations: a move or a drop is under way. "
            "Run it again when that is through."
        )
