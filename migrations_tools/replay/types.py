"""What was seen of a migration, and what may be sent to other schemas."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from migrations_tools.loading import Node


class Sender(StrEnum):
    """Who sent a statement while a migration ran."""

    EDITOR = "schema editor"
    INTROSPECTION = "introspection"
    RECORDER = "recorder"
    FURNITURE = "furniture"
    SAVEPOINT = "savepoint"
    SIGNAL = "signal handler"
    OTHER = "other code"


@dataclass(frozen=True, slots=True)
class Statement:
    """One text that a migration sent.

    Attributes:
        sql: the whole text; it may hold several statements.
        parameters: it came with parameters, so that the text alone says too little.
        many: it was sent by executemany.
    """

    sender: Sender
    sql: str
    parameters: bool = False
    many: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """All that one migration did when it really ran.

    Attributes:
        statements: in the order of sending.
        defaults: fields whose default was worked out in Python, with `app.Model.field`.
    """

    statements: tuple[Statement, ...] = ()
    defaults: tuple[tuple[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """What a schema is: the names of its migrations and of its structure."""

    digest: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Step:
    """One migration as it was seen.

    Attributes:
        why_not: why it cannot be replayed; empty when it can.
        statements: what its schema editor sent; of one that cannot be replayed, for people only.
    """

    node: Node
    replayable: bool
    why_not: str = ""
    statements: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gained:
    """Rows that a template has after a segment and had not before.

    Attributes:
        migrations: rows of django_migrations, those of replaced migrations as well.
        types: content types, (app label, model).
        permissions: (app label, model, codename, name).
    """

    migrations: tuple[Node, ...] = ()
    types: tuple[tuple[str, str], ...] = ()
    permissions: tuple[tuple[str, str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Segment:
    """Migrations that are treated together: replayed in one transaction, or by the executor.

    Attributes:
        steps: in order. None at all: only Django's post_migrate is wanted.
        after: the template's marks after it. After the executor a schema's own structure is
            measured, since such migrations may look before they decide.
        gained: rows that are sent along; None where post_migrate has to be sent in each schema,
            because its handlers do more than add content types and permissions.
        relations: it makes tables or sequences, which want furniture.
    """

    steps: tuple[Step, ...]
    replayable: bool
    before: Mark
    after: Mark
    gained: Gained | None = Gained()
    relations: bool = False

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The migrations, in order."""
        return tuple(step.node for step in self.steps)


@dataclass(frozen=True, slots=True)
class Recording:
    """How schemas at `start` get to `end`, as seen in a template on this PostgreSQL major.

    Attributes:
        marks: the template's after each migration.
    """

    major: int
    start: Mark
    end: Mark
    segments: tuple[Segment, ...]
    marks: Mapping[Node, Mark] = field(default_factory=dict)
