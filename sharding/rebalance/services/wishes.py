"""What operators want of the places of single tenants: pinned, kept apart."""

import re
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Final

from django.db import transaction

from sharding.placements.models import CONTROL, Placement
from sharding.placements.services.audit import record_audit
from sharding.placements.services.choosing import check_shard, choose_shard, lacks
from sharding.placements.services.placing import get_placement
from sharding.placements.services.shards import find_shard
from sharding.rebalance.errors import InvalidGroup
from sharding.rebalance.models import KeptApart, Pin

_GROUP: Final = re.compile(r"[a-z][a-z0-9-]{0,59}")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is wanted of one tenant's place.

    Attributes:
        shard: the one that it is pinned to; empty: none.
        labels: what its shard must have.
        group: of which no two are on one shard; empty: it is in none.
    """

    shard: str = ""
    labels: tuple[str, ...] = ()
    group: str = ""


@dataclass(frozen=True, slots=True)
class WishChange:
    """What was wanted of a tenant's place, and is.

    Attributes:
        before, after: the shard that it is pinned to, or its group; empty: none.
        lives_on: where it is now.
        labels_before, labels: what its shard must have.
        stays: it may be where it is.
    """

    tenant_id: str
    before: str
    after: str
    lives_on: str
    labels_before: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    stays: bool = True

    @property
    def changes_nothing(self) -> bool:
        """It was so before."""
        return (self.before, self.labels_before) == (self.after, self.labels)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def wishes_of(tenant_id: str) -> Wishes:
    """What is wanted of its place; of a tenant that there is not, nothing."""
    pin = Pin.objects.using(CONTROL).filter(tenant_id=tenant_id).first()
    apart = KeptApart.objects.using(CONTROL).filter(tenant_id=tenant_id).first()
    return Wishes(
        shard=pin.shard if pin else "",
        labels=tuple(pin.labels) if pin else (),
        group=apart.group if apart else "",
    )


def pin_tenant(
    tenant_id: str,
    *,
    to: str = "",
    labels: Collection[str] = (),
    reason: str = "",
    dry_run: bool = False,
) -> WishChange:
    """Let a tenant be on shard `to`, or where it is, and nowhere else; a rebalance brings it there.

    labels: instead, on any shard that has all of them. A tenant has one pin, of either kind.

    Locks: the tenant's placement.
    Transaction: opens one on control.
    Idempotent.

    Raises:
        NoSuchPlacement, NoSuchShard: nothing was changed.
        ShardUnavailable: it is not where it is to be, and that shard, or every one that has the
            labels, takes nobody. Nothing was changed.
    """
    lives_on = get_placement(tenant_id).shard_id
    wanted = Pin(
        tenant_id=tenant_id,
        shard="" if labels else to or lives_on,
        labels=sorted(set(labels)),
        reason=reason,
    )
    stays = pin_allows(wanted, lives_on)
    if not stays:
        if wanted.shard:
            check_shard(wanted.shard)
        else:
            choose_shard(labels=wanted.labels)
    with transaction.atomic(using=CONTROL):
        _lock(tenant_id)
        found = Pin.objects.using(CONTROL).filter(tenant_id=tenant_id).first()
        done = WishChange(
            tenant_id,
            found.shard if found else "",
            wanted.shard,
            lives_on,
            tuple(found.labels) if found else (),
            tuple(wanted.labels),
            stays,
        )
        if not dry_run and not done.changes_nothing:
            _write_pin(wanted, found)
    return done


def pin_new_tenant(tenant_id: str, labels: Collection[str]) -> None:
    """Have a tenant that is being made stay on shards with these labels; its own is one.

    Transaction: joins the caller's, in which it got its place.
    """
    _write_pin(Pin(tenant_id=tenant_id, shard="", labels=sorted(set(labels))), None)


def pin_allows(pin: Pin, shard: str) -> bool:
    """Whether the tenant may be on that shard."""
    return pin.shard == shard if pin.shard else not lacks(find_shard(shard), pin.labels)


def _write_pin(wanted: Pin, found: Pin | None) -> None:
    Pin.objects.using(CONTROL).update_or_create(
        tenant_id=wanted.tenant_id,
        defaults={"shard": wanted.shard, "labels": wanted.labels, "reason": wanted.reason},
    )
    record_audit(
        "tenant.pin",
        wanted.tenant_id,
        before=_facts(found) if found else {"shard": ""},
        after={**_facts(wanted), "reason": wanted.reason},
    )


def _facts(pin: Pin) -> dict[str, object]:
    return {"labels": pin.labels} if pin.labels else {"shard": pin.shard}


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
        before = (found.shard, tuple(found.labels)) if found else ("", ())
        done = WishChange(tenant_id, before[0], "", lives_on, labels_before=before[1])
        if not dry_run and found is not None:
            pins.delete()
            record_audit("tenant.unpin", tenant_id, before=_facts(found))
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
