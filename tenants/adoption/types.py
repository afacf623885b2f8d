"""What an adoption is asked for, what it found, what it would do and what it did."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sharding.registry.types import Server

SHARED = "public"
"""Where django-tenants keeps what all tenants share."""


@dataclass(frozen=True, slots=True)
class AdoptionRequest:
    """A schema that shall become a tenant.

    Attributes:
        shard: in whose database the schema lies.
        schema: its name there.
        also: rows of shared tables that come along although nothing refers to them: by table, a
            condition in SQL (`id IN (SELECT …)`).
    """

    slug: str
    shard: str
    schema: str
    name: str = ""
    domains: tuple[str, ...] = ()
    also: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Admin:
    """A superuser's way to the database, used for this and kept nowhere."""

    server: Server
    conninfo: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Leaving:
    """A foreign key of the schema that leads out of it.

    Attributes:
        definition: as the catalogue prints it, with the other table's schema.
    """

    constraint: str
    table: str
    columns: tuple[str, ...]
    to_schema: str
    to_table: str
    to_columns: tuple[str, ...]
    definition: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in the schema. Nothing of it was changed.

    Attributes:
        owner: of the schema.
        tables: its tables.
        shared: the tables of the shared schema.
        migrations: rows of its django_migrations, (app, name).
        leaving: its foreign keys that lead out.
        outward: whatever else in it needs something outside, a sentence each.
        own_name: functions that name the schema in their text or settings.
        odd: what is not made over: foreign tables and the like.
        rows: about how many its tables have.
    """

    schema: str
    owner: str
    tables: frozenset[str]
    shared: frozenset[str]
    migrations: frozenset[tuple[str, str]]
    leaving: tuple[Leaving, ...] = ()
    outward: tuple[str, ...] = ()
    own_name: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Through:
    """A table that joins two models by itself, and the column of the model that has the field."""

    table: str
    column: str
    of_table: str
    of_column: str


@dataclass(frozen=True, slots=True)
class SoftKey:
    """A column that refers to a shared table without a constraint."""

    table: str
    column: str
    to_table: str
    to_column: str


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """What an adoption would do.

    Attributes:
        bring: tables that the schema lacks and tenants have: made as the code wants them, and
            filled with the rows of the shared tables that belong to this tenant.
        from_shared: those of them whose rows come from the shared schema.
        pending: migrations that follow, as `app.name`.
        forget: apps whose rows in django_migrations go: tenants do not have them.
        extra: tables of no model; they stay.
        problems: why it cannot be; empty when it can.
    """

    survey: Survey
    bring: tuple[str, ...] = ()
    from_shared: tuple[str, ...] = ()
    throughs: tuple[Through, ...] = ()
    soft: tuple[SoftKey, ...] = ()
    labels: frozenset[str] = frozenset()
    pending: tuple[str, ...] = ()
    forget: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain data, for people and programs."""
        found = self.survey
        return {
            "schema": found.schema,
            "owner": found.owner,
            "tables": len(found.tables),
            "rows": found.rows,
            "leaving": [
                f"{one.table}.{','.join(one.columns)} → {one.to_schema}.{one.to_table}"
                for one in found.leaving
            ],
            "bring": list(self.bring),
            "from_shared": list(self.from_shared),
            "pending": list(self.pending),
            "forget": list(self.forget),
            "extra": list(self.extra),
            "problems": list(self.problems),
        }


@dataclass(frozen=True, slots=True)
class TakeOver:
    """What taking a schema over did.

    Attributes:
        copied: rows by table that came from the shared schema.
        staying: rows by table that stay behind there.
        repointed: foreign keys that lead to the schema's own tables now.
        renumbered: content types and permissions with another id now; rows that followed.
        revoked: roles that had rights in the schema and have none now.
    """

    copied: Mapping[str, int]
    staying: Mapping[str, int]
    repointed: int
    renumbered: int
    rows_followed: int
    revoked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AdoptionReceipt:
    """What an adoption did.

    Attributes:
        adopted: False when the tenant was there already, as asked for.
        taken: None when an earlier run had taken it over.
        migrated: migrations applied afterwards.
        renamed: constraints and indexes that have the code's names now.
        differs: how the structure differs from the code's, a sentence each.
    """

    tenant_id: str
    slug: str
    hosts: tuple[str, ...]
    shard: str
    schema: str
    adopted: bool
    taken: TakeOver | None = None
    migrated: tuple[str, ...] = ()
    renamed: int = 0
    differs: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)
