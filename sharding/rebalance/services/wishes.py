"""What operators want of the places of single tenants: pinned to a shard, kept apart."""

import re
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.db import transaction

from sharding.placements.models import CONTROL, Placement
from sharding.placements.services.audit import record_audit
from sharding.placements.services.choosing import check_shard
from sharding.placements.services.placing import get_placement
from sharding.rebalance.errors import InvalidGroup
from sharding.rebalance.models import KeptApart, Pin

_GROUP: Final = re.compile(r"[a-z][a-z0-9-]{0,59}")


@dataclass(frozen=True, slots=True)
class WishChange:
    """What was wanted of a tenant's place, and is.

    Attributes:
        before, after: the shard that it is pinned to, or its group; empty: none.
        lives_on: where it is now.
    """

    tenant_id: str
    before: str
    after: str
    lives_on: str

    @property
    def changes_nothing(self) -> bool:
        """It was so before."""
        return self.before == self.after

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def pin_tenant(
    tenant_id: str, *, to: str = "", reason: str = "", dry_run: bool = False
) -> WishChange:
    """Let a tenant be on shard `to`, or where it is, and nowhere else; a rebalance brings it there.

    Locks: the tenant's placement.
    Transaction: opens one on control.
    Idempotent.

    Raises:
        NoSuchPlacement, NoSuchShard, ShardUnavailable: nothing was changed.
    """
    lives_on = get_placement(tenant_id).shard_id
    shard = to or lives_on
    if shard != lives_on:
        check_shard(shard)
    with transaction.atomic(using=CONTROL):
        _lock(tenant_id)
        pins = Pin.objects.using(CONTROL)
        found = pins.filter(tenant_id=tenant_id).first()
        done = WishChange(tenant_id, found.shard if found else "", shard, lives_on)
        if not dry_run and not done.changes_nothing:
            pins.update_or_create(tenant_id=tenant_id, defaults={"shard": shard, "reason": reason})
            record_audit(
                "tenant.pin",
                tenant_id,
                before={"shard": done.before},
                after={"shard": shard, "reason": reason},
            )
    return done


def unpin_tenant(tenant_id: str, *, dry_run: bool = False) -> WishChange:
    """Let a tenant be on any shard again. Of one that is not pinned nothing is changed.

    Locks, Transaction, Idempotent: as pin_tenant.

    Raises:
        NoSuchPlacement: there is no such tenant.
    """
    lives_on = get_placement(tenant_id).shard_id
    with transaction.atomic(using=CONTROL):
        _lock(tenant_id)
        pins = Pin.objects.using(CONTROL).filter(tenant_id=tenant_id)
        found = pins.first()
        done = WishChange(tenant_id, found.shard if found else "", "", lives_on)
        if not dry_run and found is not None:
            pins.delete()
            record_audit("tenant.unpin", tenant_id, before={"shard": done.before})
    return done


def keep_apart(tenant_id: str, group: str, *, dry_run: bool = False) -> WishChange:
    """Put a tenant into a group of which no two are on one shard; empty: into none.

    A tenant is in one group at most. Those that share a shard now are parted by a rebalance.

    Locks, Transaction, Idempotent: as pin_tenant.

    Raises:
        NoSuchPlacement, InvalidGroup: nothing was changed.
    """
    if group and not _GROUP.fullmatch(group):
        raise InvalidGroup(group)
    lives_on = get_placement(tenant_id).shard_id
    with transaction.atomic(using=CONTROL):
        _lock(tenant_id)
        rows = KeptApart.objects.using(CONTROL)
        found = rows.filter(tenant_id=tenant_id).first()
        done = WishChange(tenant_id, found.group if found else "", group, lives_on)
        if dry_run or done.changes_nothing:
            return done
        if group:
            rows.update_or_create(tenant_id=tenant_id, defaults={"group": group})
        else:
            rows.filter(tenant_id=tenant_id).delete()
        record_audit(
            "tenant.keep_apart", tenant_id, before={"group": done.before}, after={"group": group}
        )
    return done


def _lock(tenant_id: str) -> None:
    Placement.objects.using(CONTROL).select_for_update().get(tenant_id=tenant_id)
