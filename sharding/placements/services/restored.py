"""A shard that came back from a backup: sealed until it was compared with the placements.

It is of an older incarnation than the registry knows (`incarnations.py`), so no process serves
anybody from it. Opening compares what the server holds with what control believes, closes what
belongs elsewhere, and only then gives the server the number.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from django.db import transaction

from sharding.placements.models import CONTROL, Placement, ReservedRole
from sharding.placements.services.audit import record_audit
from sharding.placements.services.incarnations import incarnation_of
from sharding.placements.services.placing import renew_generation
from sharding.placements.services.reference import bring_newest
from sharding.placements.services.shards import find_shard
from sharding.placements.states import PlacementState
from sharding.registry import current as addresses
from sharding.registry.types import Server
from sharding.schemas.connections import Connection, own_connection
from sharding.schemas.services.create_schema import open_schema
from sharding.schemas.services.fence import revoke_permit, seal
from sharding.schemas.services.markers import read_markers, set_phase
from sharding.schemas.services.roles import make_roles
from sharding.schemas.types import Marker, Phase

_SET_INCARNATION: Final = "UPDATE atoll.server SET incarnation = %(incarnation)s"
_SCHEMAS: Final = "SELECT nspname FROM pg_namespace WHERE nspname = ANY (%(names)s)"

Tell = Callable[[str], None]


class Fate(StrEnum):
    """What becomes of one schema of a restored shard."""

    SERVES = "serves"
    """Its tenant lives here and the copy is good: it serves as it is."""

    OPENED = "opened"
    """Its tenant lives here; it was closed in the backup and is opened."""

    LEFT = "left"
    """Something under way was cut off; the command that did it goes on from here."""

    SEALED = "sealed"
    """Its tenant lives elsewhere, or nowhere: the copy is closed, and nothing is deleted."""

    LOST = "lost"
    """Its tenant lives here, and the backup has no good copy of it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One schema, what becomes of it, and why."""

    schema: str
    fate: Fate
    why: str


@dataclass(frozen=True, slots=True)
class Reopening:
    """What opening a restored shard does, or did.

    Attributes:
        found, wanted: the incarnation that the server has, and the registry's.
    """

    shard: str
    found: int
    wanted: int
    verdicts: tuple[Verdict, ...]

    @property
    def sealed(self) -> bool:
        """Nobody is served from it yet."""
        return self.found < self.wanted

    def of(self, fate: Fate) -> tuple[Verdict, ...]:
        """The schemas of this fate."""
        return tuple(one for one in self.verdicts if one.fate is fate)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def plan_reopening(name: str) -> Reopening:
    """What `open_restored_shard` would do now. Changes nothing.

    Raises:
        NoSuchShard: there is none of this name.
        ShardNotRestored: its address leads to a standby or to another shard.
        ServerUnreachable: it does not answer.
    """
    server = _server(name)
    with own_connection(server) as connection:
        return _compare(connection, server)


def open_restored_shard(name: str, *, tell: Tell = lambda line: None) -> Reopening:
    """Close what belongs elsewhere, bring what every shard has, and let it serve again.

    Tenants that serve from it get new cache keys: what was cached is younger than their data.

    Transaction: one on the shard for all schemas, one for its incarnation, one on control per
        tenant; forbids an open one on control.
    Idempotent: a run that was cut off leaves the shard sealed, and the next one finishes it.

    Raises:
        NoSuchShard, ShardNotRestored, ServerUnreachable: nothing was changed.
        ReferenceBusy, ShardUnavailable: it stays sealed; run it again.
    """
    server = _server(name)
    # Roles and reference tables may be older than the backup's schemas are to be served with.
    if plan_reopening(name).sealed:
        tell("making roles that are younger than the backup")
        make_roles(server, _roles_of(name))
        tell("bringing reference tables")
        bring_newest(server)
    with own_connection(server) as connection:
        with connection.transaction():
            plan = _compare(connection, server)
            for verdict in plan.verdicts:
                _carry_out(connection, verdict)
        if not plan.sealed:
            return plan
        for verdict in (*plan.of(Fate.SERVES), *plan.of(Fate.OPENED)):
            renew_generation(verdict.schema)
        _disturb_moves(plan.of(Fate.LEFT), name)
        tell(f"opening {name} as incarnation {plan.wanted}")
        connection.execute(_SET_INCARNATION, {"incarnation": plan.wanted})
    with transaction.atomic(using=CONTROL):
        record_audit(
            "shard.open_restored",
            name,
            before={"incarnation": plan.found},
            after={
                "incarnation": plan.wanted,
                **{str(fate): len(plan.of(fate)) for fate in Fate},
            },
        )
    return plan


def _disturb_moves(left: Iterable[Verdict], shard: str) -> None:
    """Have no mover switch a tenant of which it has looked at what served here before.

    A standby may lack the fence that the old primary had, and accept writes from now on. A switch
    names the epoch that its mover knows; after another one the move is taken back.
    """
    for verdict in left:
        moving = Placement.objects.using(CONTROL).filter(
            schema=verdict.schema, shard_id=shard, state=PlacementState.MOVING
        )
        for tenant_id in moving.values_list("tenant_id", flat=True):
            renew_generation(tenant_id)


def judge_copy(marker: Marker | None, placement: Placement | None, *, shard: str) -> Verdict | None:
    """What becomes of one schema. Pure: `marker` is what the backup says, `placement` control.

    None when there is neither.
    """
    if marker is None:
        if placement is None or placement.shard_id != shard:
            return None
        if placement.state != PlacementState.READY:
            return Verdict(placement.schema, Fate.LEFT, f"its placement is {placement.state}")
        return Verdict(placement.schema, Fate.LOST, "it was made, or came here, after the backup")
    fate, why = _judge(marker, placement, shard)
    return Verdict(marker.schema, fate, why)


def _judge(marker: Marker, placement: Placement | None, shard: str) -> tuple[Fate, str]:
    if placement is None and marker.spare:
        return Fate.LEFT, "it is a spare, closed as ever; `make_spares` drops what control has not"
    if placement is None:
        return Fate.SEALED, "no tenant has this id: it was deleted after the backup"
    if placement.shard_id != shard:
        return Fate.SEALED, f"its tenant lives on {placement.shard_id}"
    if placement.state != PlacementState.READY:
        return Fate.LEFT, f"its placement is {placement.state}"
    if marker.epoch < placement.arrived_epoch:
        came = placement.arrived_epoch
        return Fate.LOST, f"it is of epoch {marker.epoch}; its tenant came back at {came}"
    if marker.epoch > placement.epoch:
        known = f"control knows {placement.epoch}: control is older than this backup"
        return Fate.LEFT, f"it was opened at epoch {marker.epoch} and {known}"
    if marker.phase is Phase.ACTIVE:
        return Fate.SERVES, "its tenant lives here"
    if marker.phase is Phase.FENCED:
        return Fate.OPENED, "its tenant lives here; a move was under way when the backup was made"
    return Fate.LOST, f"it is {marker.phase} in the backup: not whole, or not the tenant's last"


def _server(name: str) -> Server:
    return addresses.shard(find_shard(name).name)


def _compare(connection: Connection, server: Server) -> Reopening:
    incarnation = incarnation_of(connection, server)
    markers = read_markers(connection)
    placements = {one.schema: one for one in Placement.objects.using(CONTROL)}
    there = {
        schema
        for (schema,) in connection.execute(
            _SCHEMAS, {"names": sorted(markers.keys() | placements)}
        )
    }
    verdicts = []
    for schema in sorted(markers.keys() | placements.keys()):
        marker = markers.get(schema) if schema in there else None
        verdict = judge_copy(marker, placements.get(schema), shard=server.name)
        if verdict is not None:
            verdicts.append(verdict)
    return Reopening(server.name, incarnation, server.incarnation, tuple(verdicts))


def _carry_out(connection: Connection, verdict: Verdict) -> None:
    marker = read_markers(connection, [verdict.schema]).get(verdict.schema)
    if marker is None:
        return
    if verdict.fate is Fate.OPENED:
        open_schema(connection, verdict.schema, token=marker.token)
    if verdict.fate in (Fate.SEALED, Fate.LOST) and marker.phase is not Phase.TOMBSTONE:
        set_phase(connection, verdict.schema, Phase.SEALED, token=marker.token)
        revoke_permit(connection, verdict.schema)
        seal(connection, verdict.schema)


def _roles_of(shard: str) -> set[str]:
    free = ReservedRole.objects.using(CONTROL).filter(shard_id=shard, made_at__isnull=False)
    placed = Placement.objects.using(CONTROL).filter(shard_id=shard)
    return {
        *free.filter(placed_at=None).values_list("name", flat=True),
        *placed.values_list("tenant_id", flat=True),
    }
