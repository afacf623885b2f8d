"""What preparing a database consists of, as plain data."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from psycopg import sql

from sharding.registry.types import Login

Statement = sql.SQL | sql.Composed

Encrypt = Callable[[Login], str]
"""Turns a password into what the server stores, so that it crosses no log in clear."""


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What a look at the database says before anything is changed.

    Attributes:
        shard: name that atoll.server gives this database; None on a bare one.
        incarnation: as atoll.server says; None on a bare one.
        slots, senders, logical_workers, workers: what its settings allow, of whom moves need.
        roles: how many there are on the server, of all databases.
        cluster: identifier of the server's data directory; with `database` it says which
            database this is, by whatever address it was reached.
    """

    version: int
    database: str
    cluster: str
    encoding: str
    collation: str
    wal_level: str
    in_recovery: bool
    has_plpgsql: bool
    slots: int
    senders: int
    logical_workers: int
    workers: int
    roles: int
    shard: str | None = None
    incarnation: int | None = None

    @property
    def major(self) -> int:
        """PostgreSQL major."""
        return self.version // 10000


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about the database that people should know.

    Attributes:
        code: stable, such as `wal_level`.
        fatal: the database cannot be used as it is.
    """

    code: str
    fatal: bool
    message: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step: what it does, how to see that it is done, and the statements that do it.

    Attributes:
        done: a query for one boolean. An object that it names and that is missing means no.
        act: run in one transaction, in this order.
        optional: a server that denies it (42501, managed services) is used without it.
    """

    key: str
    does: str
    done: sql.Composed
    act: tuple[Statement, ...]
    optional: bool = False


class Outcome(StrEnum):
    """What became of a step."""

    DONE_BEFORE = "done before"
    TO_DO = "to do"
    DONE = "done"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class StepReport:
    """One step and what became of it."""

    key: str
    does: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Preparation:
    """The plan, or the record, of preparing one database: the same object for both.

    Attributes:
        shard: the shard's name.
        steps: all of them in order; in a dry run those that would be taken are TO_DO.
    """

    shard: str
    facts: DatabaseFacts
    findings: tuple[Finding, ...]
    steps: tuple[StepReport, ...]

    @property
    def changes(self) -> int:
        """How many steps change something, or did."""
        return sum(step.outcome in (Outcome.TO_DO, Outcome.DONE) for step in self.steps)
