"""Bring what a schema carries besides its tables back to what it must be."""

from dataclasses import dataclass, replace
from datetime import timedelta

from django.db import transaction

from migrations_tools.drift.compare import OPEN_PHASES
from migrations_tools.drift.errors import MoveNotOver, OpenElsewhere
from migrations_tools.drift.services.measure import migrations_of
from migrations_tools.drift.services.survey import look_at_shard
from migrations_tools.states import state_of
from sharding.moves.services.journal import live_move_of
from sharding.placements.models import CONTROL, Placement
from sharding.placements.services.audit import record_audit
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import get_placement
from sharding.registry import current as addresses
from sharding.registry.types import Server
from sharding.schemas.connections import Connection, Patience, own_connection
from sharding.schemas.errors import SchemaMissing, WrongPhase
from sharding.schemas.services.create_schema import open_schema
from sharding.schemas.services.describe import describe_on
from sharding.schemas.services.fence import grant_permit, revoke_permit, seal, unseal
from sharding.schemas.services.fingerprint import fingerprint
from sharding.schemas.services.furnish import furnish
from sharding.schemas.services.markers import read_marker, set_state
from sharding.schemas.services.roles import make_roles
from sharding.schemas.types import Marker, Phase

PURPOSE = "mend_schema"
# Guards are put in behind whoever works with the table now; readers queue behind us meanwhile.
_PATIENCE = Patience(statement=timedelta(seconds=60), lock=timedelta(seconds=2))

_MAY_WRITE = frozenset({Phase.ACTIVE})
_MAY_LOOK = frozenset({Phase.ACTIVE, Phase.FENCED})


@dataclass(frozen=True, slots=True)
class Mended:
    """How a schema is after it was mended, or would be: the same object for both.

    Attributes:
        guarded: tables that got a guard now.
        opened: it was closed and serves its tenant again.
        remarked: its mark says something else now (migrations or structure).
        mended: what it lacked and does not any more, a sentence each.
        lacks: what could not be mended, or in a dry run all that it lacks now.
    """

    schema: str
    shard: str
    guarded: tuple[str, ...]
    opened: bool
    remarked: bool
    lacks: tuple[str, ...]
    mended: tuple[str, ...] = ()


def plan_mending(tenant_id: str, *, open_it: bool = False) -> Mended:
    """What `mend_schema` would do now. Changes nothing, and waits for nobody.

    Raises:
        NoSuchPlacement, SchemaMissing, WrongPhase, OpenElsewhere, MoveNotOver: as mend_schema.
    """
    placement = get_placement(tenant_id)
    _nobody_moves(placement)
    server = addresses.shard(placement.shard_id)
    if open_it:
        _alone(placement)
    with own_connection(server) as connection, connection.transaction():
        return _plan(connection, server, placement, open_it=open_it)[0]


def mend_schema(tenant_id: str, *, open_it: bool = False) -> Mended:
    """Give a tenant's schema its role, guards, rights and the right mark, as far as they lack.

    The mark is set to what is there: the migrations that django_migrations has and the structure
    as measured. Tables are not touched.

    open_it: serve its tenant again although its phase is another one, after a look at all other
    shards for an open copy.

    Locks: the tenant's lease; SHARE ROW EXCLUSIVE on tables that lack a guard.
    Transaction: one on the shard; forbids an open one on control.
    Idempotent.

    Raises:
        NoSuchPlacement: there is no such tenant.
        LeaseHeld: somebody is changing it now.
        SchemaMissing: its schema, or the row that marks it, is not there.
        WrongPhase: it is being dropped, or is a spare.
        OpenElsewhere, MoveNotOver: nothing was changed.
    """
    with lease(tenant_id, PURPOSE):
        placement = get_placement(tenant_id)
        _nobody_moves(placement)
        server = addresses.shard(placement.shard_id)
        if open_it:
            _alone(placement)
        make_roles(server, [placement.schema])
        with own_connection(server, _PATIENCE) as connection:
            with connection.transaction():
                mended = _mend(connection, server, placement, open_it=open_it)
        with transaction.atomic(using=CONTROL):
            record_audit(
                "schema.mend",
                tenant_id,
                after={"guarded": list(mended.guarded), "opened": mended.opened},
            )
    return mended


def _plan(
    connection: Connection, server: Server, placement: Placement, *, open_it: bool
) -> tuple[Mended, Marker]:
    schema = placement.schema
    before = describe_on(connection, server, schema)
    marker = read_marker(connection, schema)
    if not before.exists or marker is None:
        raise SchemaMissing(server.name, schema)
    if marker.phase is Phase.TOMBSTONE:
        raise WrongPhase(schema, found=marker.phase, wanted="a schema that is not being dropped")
    if marker.spare:
        raise WrongPhase(schema, found="a spare, never opened", wanted="what a tenant has filled")
    state = _state(connection, schema)
    plan = Mended(
        schema=schema,
        shard=server.name,
        guarded=before.unguarded,
        opened=open_it and marker.phase is not Phase.ACTIVE,
        remarked=state != (marker.digest, marker.fingerprint, marker.major)
        and marker.unfinished is None,
        lacks=before.lacks,
    )
    return plan, marker


def _mend(connection: Connection, server: Server, placement: Placement, *, open_it: bool) -> Mended:
    plan, marker = _plan(connection, server, placement, open_it=open_it)
    schema = placement.schema
    furnish(connection.execute, schema)
    if plan.opened:
        open_schema(connection, schema, epoch=placement.epoch, token=marker.token)
    else:
        _set_rights(connection, marker)
    if plan.remarked:
        digest, found, major = _state(connection, schema)
        set_state(connection, schema, digest=digest, fingerprint=found, major=major)
    lacks = describe_on(connection, server, schema).lacks
    return replace(plan, lacks=lacks, mended=tuple(one for one in plan.lacks if one not in lacks))


def _state(connection: Connection, schema: str) -> tuple[str, str, int]:
    """The mark that says what is there."""
    return (
        state_of(migrations_of(connection, schema)).digest,
        fingerprint(connection, schema),
        connection.info.server_version // 10000,
    )


def _set_rights(connection: Connection, marker: Marker) -> None:
    (grant_permit if marker.phase in _MAY_WRITE else revoke_permit)(connection, marker.schema)
    (unseal if marker.phase in _MAY_LOOK else seal)(connection, marker.schema)


def _nobody_moves(placement: Placement) -> None:
    """A move that soaks, or whose mover has died, holds no lease, and has another copy."""
    if (move := live_move_of(placement.tenant_id)) is not None:
        raise MoveNotOver(placement.schema, move_id=move.pk, state=move.state)


def _alone(placement: Placement) -> None:
    schema, others = placement.schema, []
    for name, server in addresses.registry().shards.items():
        if name == placement.shard_id:
            continue
        shard = look_at_shard(server, schemas={schema})
        seen = shard.schemas.get(schema)
        phase = seen.marker.phase if seen is not None and seen.marker is not None else None
        served = seen is not None and seen.exists and (phase in OPEN_PHASES or seen.usage)
        if shard.problem or served:
            others.append(name)
    if others:
        raise OpenElsewhere(schema, tuple(others))
