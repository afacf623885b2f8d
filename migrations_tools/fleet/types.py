"""What is known of the fleet, what is planned for it, and what became of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from migrations_tools.fleet.states import Standing

CANARY: Final = "canary"
"""Name of the wave that goes first; when it fails, nobody else is touched."""


@dataclass(frozen=True, slots=True, order=True)
class GroupKey:
    """What tells whether two schemas need the same: one row's state in atoll.tenant_schema."""

    digest: str
    fingerprint: str
    major: int


@dataclass(frozen=True, slots=True)
class Placed:
    """What control says of a schema."""

    tenant_id: str
    shard: str
    schema: str
    state: str


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Why a schema is not migrated, as upper layers know it.

    Attributes:
        unless_wanted: it is taken all the same, unless somebody says that it is not to be.
    """

    why: str
    unless_wanted: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """What a shard says of a schema."""

    phase: str
    digest: str | None
    fingerprint: str | None
    major: int | None
    unfinished: str | None


@dataclass(frozen=True, slots=True)
class ShardRows:
    """What one shard says of all of its schemas, or why it says nothing.

    Attributes:
        major: of its PostgreSQL.
        reference: the digest of its snapshot of reference tables.
    """

    rows: Mapping[str, Row] = field(default_factory=dict)
    major: int = 0
    reference: str = ""
    away: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A schema and where it stands.

    Attributes:
        key: its group; None where the shard did not say.
        why: of its standing, unless it is level or behind.
    """

    tenant_id: str
    shard: str
    schema: str
    standing: Standing
    key: GroupKey | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Schemas that need the same."""

    key: GroupKey
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Wave:
    """Schemas that are treated together; the next wave begins when all of them are through."""

    name: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class Shares:
    """How to cut the fleet into waves.

    Attributes:
        percents: rising, the last is 100.
        canary: whether one schema of each group goes first, alone.
        canaries: tenant ids that go first instead.
    """

    percents: tuple[float, ...] = (1.0, 10.0, 100.0)
    canary: bool = True
    canaries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """Who is where, and in which order those that are behind are taken."""

    wanted: str
    members: tuple[Member, ...]
    groups: tuple[Group, ...]
    waves: tuple[Wave, ...]

    @property
    def behind(self) -> int:
        """How many schemas are to be migrated."""
        return sum(len(group.members) for group in self.groups)

    def counts(self) -> Counter[Standing]:
        """How many schemas stand where."""
        return Counter(member.standing for member in self.members)

    def reasons(self) -> Counter[tuple[Standing, str]]:
        """How many schemas are left alone for which reason."""
        return Counter((one.standing, one.why) for one in self.members if one.why)
