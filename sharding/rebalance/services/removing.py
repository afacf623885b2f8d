"""Remove a shard that is empty; of one that is not, say what is still there."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from django.db import transaction
from django.db.models import Exists, Max, OuterRef

from sharding.figures import counted
from sharding.placements.models import CONTROL, Placement, ReservedRole, Shard
from sharding.placements.services.audit import record_audit
from sharding.placements.services.registry_file import read_file, unregister_server
from sharding.placements.services.shards import find_shard
from sharding.placements.states import ShardState
from sharding.rebalance import ports
from sharding.rebalance.errors import ShardNotEmpty
from sharding.rebalance.models import Pin, Rebalance, RebalanceStep, ShardLook
from sharding.rebalance.states import ENDS, STEP_ENDS
from sharding.registry.types import Server
from sharding.schemas.errors import ServerUnreachable
from sharding.schemas.services.describe import survey
from sharding.schemas.types import Phase

_GOES: Final = frozenset({Phase.TOMBSTONE})
"""Marks of schemas that are gone; all others are of a tenant's data."""
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Removal:
    """What removing a shard did, or would do.

    Attributes:
        answered: its server was asked; False where it is away and that was allowed.
        address: where it was; empty: the registry had none any more.
        roles: made ahead there and never used; nobody will.
    """

    shard: str
    answered: bool
    address: str
    roles: int

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def remove_shard(
    name: str, *, registry_path: Path, although_away: bool = False, dry_run: bool = False
) -> Removal:
    """Forget a shard: its address in the registry file, its row, and what is kept about it.

    Its server, database, roles and logins are not touched. The address goes first, so a run that
    is cut off leaves a shard without one, and the next run finishes it.

    Locks: the shard's row.
    Transaction: one on control.

    Raises:
        NoSuchShard: it was removed before, or never was.
        ShardNotEmpty: with everything that is still there. Nothing was changed.
        MalformedRegistry: nothing was changed.
    """
    row = find_shard(name)
    server = read_file(registry_path).shards.get(name)
    left = [*_by_control(row), *ports.mover.left_on(name)]
    answered = server is not None
    try:
        left += _on_server(server)
    except ServerUnreachable as error:
        answered = False
        if not although_away:
            left.append(
                f"it cannot be asked what it holds ({error.reason.strip()}); if it is gone for "
                "good, say --although-away"
            )
    if left:
        raise ShardNotEmpty(name, left)
    removal = Removal(
        name,
        answered=answered,
        address=str(server.direct) if server else "",
        roles=_unused_roles(name).count(),
    )
    if dry_run:
        return removal
    version = unregister_server(registry_path, name)
    with transaction.atomic(using=CONTROL):
        _forget(name, removal, registry_version=version)
    return removal


def _by_control(shard: Shard) -> Iterator[str]:
    """Asked without a lock: a shard that drains gets nobody, so it does not fill again."""
    if shard.state != ShardState.DRAINING:
        yield f"it is {shard.state}: drain it first (`manage.py drain_shard {shard.name}`)"
    places = Placement.objects.using(CONTROL).filter(shard=shard)
    if tenants := places.count():
        shown = sorted(ports.names_of(places.values_list("tenant_id", flat=True)[:_SHOWN]).values())
        more = ", …" * (tenants > _SHOWN)
        yield f"{counted(tenants, 'tenant')} on it: {', '.join(shown)}{more}"
    there = Placement.objects.using(CONTROL).filter(tenant_id=OuterRef("tenant_id"))
    # Those of tenants that were purged a moment ago go with the next look at the history.
    if pins := Pin.objects.using(CONTROL).filter(Exists(there), shard=shard.name).count():
        yield f"{counted(pins, 'tenant')} pinned to it (`manage.py unpin_tenant`)"
    steps = RebalanceStep.objects.using(CONTROL).exclude(state__in=sorted(STEP_ENDS))
    ours = steps.filter(source=shard.name) | steps.filter(target=shard.name)
    live = Rebalance.objects.using(CONTROL).exclude(state__in=sorted(ENDS))
    if ours.filter(rebalance__in=live).exists():
        yield "a rebalance that has not ended has to do with it"


def _on_server(server: Server | None) -> Iterator[str]:
    if server is None:
        return
    found = survey(server)
    kept = {phase: number for phase, number in found.phases.items() if phase not in _GOES}
    # Spares are nobody's, and go with the database.
    kept[Phase.INCOMING] = kept.get(Phase.INCOMING, 0) - found.spares
    for phase, number in sorted(kept.items()):
        if number > 0:
            yield f"{counted(number, f'{phase} schema')} in its database (`manage.py check_drift`)"


def _unused_roles(name: str) -> Any:
    return ReservedRole.objects.using(CONTROL).filter(shard_id=name, placed_at=None)


def _forget(name: str, removal: Removal, *, registry_version: int) -> None:
    shard = find_shard(name, lock=True)
    _unused_roles(name).delete()
    # Ids are never used again, wherever they were first.
    ReservedRole.objects.using(CONTROL).filter(shard=shard).update(shard=None)
    ShardLook.objects.using(CONTROL).filter(shard=name).delete()
    # What has no tenants left is nobody's; PROTECT refuses if somebody was quicker.
    shard.delete(using=CONTROL)
    others = Shard.objects.using(CONTROL)
    newest = others.aggregate(newest=Max("registry_version"))["newest"] or 0
    # Processes read the registry again when a shard's row says so, and let go of the address.
    first = others.order_by("name").first()
    if first is not None and registry_version > newest:
        others.filter(name=first.name).update(registry_version=registry_version)
    record_audit("shard.remove", name, before={"address": removal.address, "roles": removal.roles})
