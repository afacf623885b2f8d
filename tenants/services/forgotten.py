"""Which schema is that of a tenant that control has forgotten. Pure: no Django, no driver."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from migrations_tools.drift.types import SchemaSeen, ShardSeen
from sharding.schemas.types import Phase
from tenants.services.errors import NotForgotten


@dataclass(frozen=True, slots=True)
class Copy:
    """The one that is the tenant.

    Attributes:
        epoch, token: the newest that any shard was told of this tenant.
    """

    shard: str
    epoch: int
    token: int


def only_copy(
    tenant_id: str, shards: Collection[ShardSeen], incarnations: Mapping[str, int]
) -> Copy:
    """The shard that has the tenant's only active schema.

    shards: all that there are: of one that was not seen nobody knows what it has.
    incarnations: by shard, as the registry has them.

    Raises:
        NotForgotten: there is none, or nobody can tell.
    """
    for shard in shards:
        if why := _why_not_to_be_trusted(shard, incarnations.get(shard.name, 0)):
            raise NotForgotten(tenant_id, f"what {shard.name} has is not known: {why}")
    copies = [
        (shard.name, seen)
        for shard in shards
        if (seen := shard.schemas.get(tenant_id)) is not None and seen.exists
    ]
    active = [name for name, seen in copies if _phase(seen) is Phase.ACTIVE]
    if len(active) != 1:
        raise NotForgotten(tenant_id, _why_not_one(copies, active))
    for name, seen in copies:
        if name != active[0] and (seen.marker is None or seen.permit):
            raise NotForgotten(
                tenant_id,
                f"it is active on {active[0]}, and the copy on {name} is not closed. See which is "
                f"the tenant's, then: manage.py drop_left_over SHARD {tenant_id}",
            )
    markers = [
        seen.marker
        for shard in shards
        if (seen := shard.schemas.get(tenant_id)) is not None and seen.marker is not None
    ]
    return Copy(
        active[0],
        epoch=max(marker.epoch for marker in markers),
        token=max(marker.token for marker in markers),
    )


def _why_not_to_be_trusted(shard: ShardSeen, incarnation: int) -> str:
    if shard.problem:
        return f"{shard.problem} It may have the later copy."
    if shard.unprepared or shard.server_name != shard.name:
        return "its address leads to another database."
    if shard.in_recovery:
        return "its address leads to a standby, or to a backup that is still being restored."
    if shard.incarnation > incarnation:
        return "the registry file of this machine is older than the server. Bring the newest."
    return ""


def _why_not_one(copies: Sequence[tuple[str, SchemaSeen]], active: Sequence[str]) -> str:
    if not copies:
        return "no shard has a schema of this name."
    if active:
        return (
            f"it is active on {' and on '.join(active)}. See which is the tenant's, and drop the "
            "other: manage.py drop_left_over SHARD SCHEMA"
        )
    told = ", ".join(f"{_phase(seen) or 'not ours'} on {name}" for name, seen in copies)
    return (
        f"its schema is {told}. Only one that is active is sure to be the tenant's last; the data "
        "of another comes out of an archive, or of a backup of its shard."
    )


def _phase(seen: SchemaSeen) -> Phase | None:
    return None if seen.marker is None else seen.marker.phase
