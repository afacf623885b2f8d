"""What is believed, what was seen, and what was found to differ. Plain data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from sharding.schemas.types import Marker


class Kind(StrEnum):
    """What can be found. The first word says what it is about."""

    SHARD_AWAY = "shard.away"
    SHARD_UNPREPARED = "shard.unprepared"
    SHARD_IN_RECOVERY = "shard.in_recovery"
    SHARD_WRONG_NAME = "shard.wrong_name"
    SHARD_SEALED = "shard.sealed"
    SHARD_NEWER = "shard.newer"
    TENANT_WITHOUT_PLACEMENT = "tenant.without_placement"
    PLACEMENT_WITHOUT_TENANT = "placement.without_tenant"
    PLACEMENT_UNFINISHED = "placement.unfinished"
    SCHEMA_MISSING = "schema.missing"
    SCHEMA_WITHOUT_TENANT = "schema.without_tenant"
    SCHEMA_TWICE = "schema.twice"
    SCHEMA_UNMARKED = "schema.unmarked"
    SCHEMA_CLOSED = "schema.closed"
    SCHEMA_UNFINISHED = "schema.unfinished"
    SCHEMA_STALE = "schema.stale"
    SCHEMA_AHEAD = "schema.ahead"
    SPARE_UNKNOWN = "spare.unknown"
    SPARE_OPEN = "spare.open"
    MARKER_WITHOUT_SCHEMA = "marker.without_schema"
    RIGHTS_WRONG = "rights.wrong"
    TABLE_UNGUARDED = "table.unguarded"
    ROLE_LEFT_OVER = "role.left_over"
    ROLE_MISSING = "role.missing"
    TEMPLATE_LEFT_OVER = "template.left_over"
    FURNITURE_WRONG = "furniture.wrong"
    STATE_WRONG = "state.wrong"
    STRUCTURE_CHANGED = "structure.changed"
    STRUCTURE_UNLIKE_IMAGE = "structure.unlike_image"
    IDS_WRONG = "ids.wrong"
    NOT_MEASURED = "schema.not_measured"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be.

    Attributes:
        subject: the schema, role, template or shard that it is about.
        shard: where; empty where it is about control alone.
        what: in a sentence.
        mend: what to do about it, with the command where there is one.
    """

    kind: Kind
    subject: str
    shard: str
    what: str
    mend: str

    @property
    def key(self) -> tuple[Kind, str, str]:
        """What makes two findings of two looks the same one."""
        return self.kind, self.subject, self.shard

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Placed:
    """Where control believes a tenant to be.

    Attributes:
        arrived_epoch: the epoch at which a move brought it to this shard; 0: it was born there.
        leased: somebody is changing it now.
    """

    tenant_id: str
    shard: str
    schema: str
    state: str
    epoch: int
    arrived_epoch: int = 0
    leased: bool = False


@dataclass(frozen=True, slots=True)
class Directory:
    """All that control believes.

    Attributes:
        incarnations: by shard, as the registry has them.
        roles: every tenant id that was ever made or is about to be.
        tenants: the ids that the layer of tenants knows; None where it was not asked.
        spares: the ids that have a spare schema, or are just getting or losing one.
    """

    placements: Mapping[str, Placed]
    incarnations: Mapping[str, int]
    roles: frozenset[str]
    tenants: frozenset[str] | None = None
    spares: frozenset[str] = frozenset()

    def of_schema(self, shard: str, schema: str) -> Placed | None:
        """The placement that this schema on this shard is."""
        # Schema and tenant have one name.
        placed = self.placements.get(schema)
        return placed if placed is not None and placed.shard == shard else None


@dataclass(frozen=True, slots=True)
class SchemaSeen:
    """A tenant's schema, or what is left of one, on one shard.

    Attributes:
        exists: the schema itself is there; else only its marker or its role.
        marker: its row in atoll.tenant_schema.
        has_role: a role of its name is there.
        usage, permit: its role may look into it, and write.
        unguarded: tables without a guard.
    """

    name: str
    exists: bool
    marker: Marker | None
    has_role: bool = True
    usage: bool = False
    permit: bool = False
    unguarded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ShardSeen:
    """What a look at one shard told.

    Attributes:
        problem: why it told nothing; empty when it did.
        unprepared: it answers, and is no shard.
        server_name, incarnation: as atoll.server has them.
        roles: the tenant roles of the whole server.
        templates: template schemas that nobody works in.
    """

    name: str
    problem: str = ""
    unprepared: bool = False
    server_name: str = ""
    incarnation: int = 0
    in_recovery: bool = False
    major: int = 0
    schemas: Mapping[str, SchemaSeen] = field(default_factory=lambda: MappingProxyType({}))
    roles: frozenset[str] = frozenset()
    templates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """What --full finds out about one schema.

    Attributes:
        fingerprint: of its structure, as it is now.
        digest: of its rows in django_migrations.
        image: the fingerprint of the image of that digest and major; None where there is none.
        lacks: furniture that is missing or wrong, a sentence each.
        wrong_ids: content types and permissions with other ids than control says.
        differs: from a schema that has the structure that it should have, a sentence each.
        model: that schema; empty where none was found.
        problem: why it could not be measured.
    """

    schema: str
    shard: str
    fingerprint: str = ""
    digest: str = ""
    image: str | None = None
    lacks: tuple[str, ...] = ()
    wrong_ids: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    model: str = ""
    problem: str = ""
