"""What a shard says of itself and of its schemas."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

SPARE: Final = "a spare of "
"""What the mark of a spare schema says, before the key of what it was made of. It stands where a
step that was cut off is told: a release that knows of no spares drops it and makes it anew."""


class Phase(StrEnum):
    """What a schema is on one shard (column `phase` of atoll.tenant_schema)."""

    INCOMING = "incoming"
    """Being built or filled; its tenant may not look at it yet."""

    ACTIVE = "active"
    """Serves its tenant."""

    FENCED = "fenced"
    """Refuses writes."""

    SEALED = "sealed"
    """Refuses reads as well: the tenant lives elsewhere."""

    TOMBSTONE = "tombstone"
    """Being dropped, or kept only so that a late writer is recognised."""


@dataclass(frozen=True, slots=True)
class Marker:
    """A schema's row in atoll.tenant_schema.

    Attributes:
        epoch: the placement's epoch when the schema was last opened.
        move_id, token: the move that may change it, and its fencing token.
        digest: names the migrations that it has; None while the first build is unfinished.
        fingerprint, major: of its structure, as computed on that PostgreSQL major.
        unfinished: a step that no rollback would undo and that is under way, or was cut off; of a
            spare what it was made of.
    """

    schema: str
    phase: Phase
    epoch: int
    move_id: int | None
    token: int
    digest: str | None
    fingerprint: str | None
    major: int | None
    unfinished: str | None

    @property
    def spare(self) -> str | None:
        """The key of what it was made of, if it waits, closed and whole, for its first tenant."""
        told = self.unfinished or ""
        if self.phase is not Phase.INCOMING or not told.startswith(SPARE):
            return None
        return told.removeprefix(SPARE)


class Guard(StrEnum):
    """State of the guard trigger of one table."""

    MISSING = "missing"
    DISARMED = "disarmed"
    ARMED = "armed"


@dataclass(frozen=True, slots=True)
class TableState:
    """One table of a tenant schema (furniture left out)."""

    name: str
    owner: str
    guard: Guard
    readable: bool
    writable: bool


@dataclass(frozen=True, slots=True)
class SchemaDescription:
    """What a schema is, and what it lacks.

    Attributes:
        exists: the schema itself is there.
        marker: its row in atoll.tenant_schema, if any.
        permit: its role may write, as far as guards ask.
        usage: its role may look into the schema.
        bytes: tables, indexes and what belongs to them.
        lacks: one sentence per piece of furniture that is missing or wrong; empty when all is
            well. A table without a guard is the gravest: a move would lose its writes.
    """

    schema: str
    exists: bool
    marker: Marker | None = None
    tables: tuple[TableState, ...] = ()
    permit: bool = False
    usage: bool = False
    bytes: int = 0
    lacks: tuple[str, ...] = ()

    @property
    def unguarded(self) -> tuple[str, ...]:
        """Tables without a guard."""
        return tuple(table.name for table in self.tables if table.guard is Guard.MISSING)

    @property
    def armed(self) -> bool:
        """Every table has an armed guard, and there is at least one."""
        return bool(self.tables) and all(t.guard is Guard.ARMED for t in self.tables)


@dataclass(frozen=True, slots=True)
class ShardSurvey:
    """What one look at a shard tells.

    Attributes:
        major: PostgreSQL major.
        incarnation, in_recovery: by which it is told from its own past (docs/adr/0015).
        bytes: of the whole database.
        roles: tenant roles of the server, used or not; they count against `role_cap`.
        phases: number of schemas by phase.
        half_made: schemas that a creation or a drop left behind unfinished.
        copies: schemas that a move keeps closed here: it fills them, or has not opened them yet.
        spares: how many are made ahead of their tenants.
    """

    major: int
    incarnation: int
    in_recovery: bool
    bytes: int
    roles: int
    role_cap: int
    phases: Mapping[Phase, int] = field(default_factory=lambda: MappingProxyType({}))
    half_made: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    spares: int = 0
