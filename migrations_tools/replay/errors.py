"""Why something cannot be recorded or replayed.

MigrationToolsError
└── ReplayError
    ├── RecordingFailed
    ├── StartUnknown
    ├── NotAtStart
    ├── ReplayRefused
    └── LockNotGranted
"""

from collections.abc import Sequence
from typing import ClassVar

from migrations_tools.errors import MigrationToolsError
from migrations_tools.loading import Node


class ReplayError(MigrationToolsError):
    """A migration cannot be recorded or replayed."""

    code: ClassVar[str] = "replay"


class StartUnknown(ReplayError):
    """No template can be brought to the state of these schemas."""

    code = "replay.start_unknown"

    def __init__(self, digest: str, reason: str) -> None:
        self.digest = digest
        super().__init__(
            f"No template could be brought to state {digest[:8]}: {reason} Its schemas are "
            "migrated one by one by Django's executor, which is slower and needs no template."
        )


class RecordingFailed(ReplayError):
    """A migration failed in the template."""

    code = "replay.recording_failed"

    def __init__(self, migration: str, reason: str) -> None:
        self.migration = migration
        super().__init__(
            f"{migration} failed in the template, so nothing can be replayed: {reason} Schemas at "
            "this state are migrated one by one by Django's executor; try one of them first "
            "(`manage.py migrate_fleet --tenant …`)."
        )


class NotAtStart(ReplayError):
    """A schema is not what the recording begins at; nothing was changed."""

    code = "replay.not_at_start"

    def __init__(self, schema: str, wanted: str, found: str) -> None:
        self.schema = schema
        super().__init__(
            f"Schema {schema!r} should be {wanted} and is {found}. Nothing was changed. Somebody "
            "else has migrated or fenced it meanwhile: run the fleet migration again, which looks "
            "anew."
        )


class ReplayRefused(ReplayError):
    """The database refused the recorded statements in one schema; nothing was changed."""

    code = "replay.refused"

    def __init__(self, schema: str, nodes: Sequence[Node], reason: str) -> None:
        self.schema = schema
        self.reason = " ".join(reason.split())
        names = ", ".join(f"{app}.{name}" for app, name in nodes)
        super().__init__(
            f"{schema!r} refused the SQL of {names}: {self.reason} Nothing was changed. Its rows "
            "or its structure are not as in the others; Django's executor is tried next, and "
            "check_drift tells what differs."
        )


class LockNotGranted(ReplayError):
    """Other transactions held the schema's tables for too long; nothing was changed."""

    code = "replay.lock_not_granted"
    retryable = True

    def __init__(self, schema: str, attempts: int) -> None:
        self.schema = schema
        self.attempts = attempts
        super().__init__(
            f"The tables of {schema!r} were in use during each of {attempts} short attempts, and "
            "nothing was changed. Try again later; a transaction that stays open shows in "
            "pg_stat_activity."
        )
