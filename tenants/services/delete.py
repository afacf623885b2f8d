"""Delete a tenant so that it can be restored: its people get 404, its data waits to be purged."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from sharding.placements.services.audit import record_audit
from sharding.placements.services.placing import get_placement
from tenants.conf import tenant_settings
from tenants.directory.changes import announce_change
from tenants.errors import WrongTenantState
from tenants.models import CONTROL, Domain, Purge, Tenant
from tenants.services.finding import find_tenant
from tenants.states import TENANT_TRANSITIONS, TenantState


@dataclass(frozen=True, slots=True)
class DeletionPlan:
    """What deleting a tenant would do.

    Attributes:
        hosts: that lead to it; all of them answer 404 from then on.
        state: what it is now.
        purge_after: until when it could be restored; None: not at all.
        steps: what would be done, in words.
    """

    tenant_id: str
    slug: str
    hosts: tuple[str, ...]
    shard: str
    schema: str
    state: TenantState
    purge_after: datetime | None
    steps: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "tenant_id": self.tenant_id,
            "slug": self.slug,
            "hosts": list(self.hosts),
            "shard": self.shard,
            "schema": self.schema,
            "state": str(self.state),
            "purge_after": self.purge_after.isoformat() if self.purge_after else None,
            "steps": list(self.steps),
        }


def plan_deletion(name: str, *, now: bool = False) -> DeletionPlan:
    """What `delete_tenant`, and with `now` the purge after it, would do. Changes nothing.

    Raises:
        UnknownSlug: there is no such tenant.
        WrongTenantState: it is still being made.
    """
    tenant = find_tenant(name)
    state = TenantState(tenant.state)
    _check(tenant, state)
    placement = get_placement(tenant.id)
    domains = Domain.objects.using(CONTROL).filter(tenant=tenant).order_by("-is_primary", "domain")
    hosts = tuple(domains.values_list("domain", flat=True))
    until = tenant.purge_after or timezone.now() + tenant_settings().grace
    steps = []
    if state is not TenantState.DELETED:
        steps.append(f"answer 404 on {', '.join(hosts)}")
    if now:
        steps += _steps_of_purge(tenant, placement.shard_id, placement.schema)
    elif state is not TenantState.DELETED:
        steps.append(f"keep its data until {until:%Y-%m-%d %H:%M} UTC, then purge it")
    return DeletionPlan(
        tenant_id=tenant.id,
        slug=tenant.slug,
        hosts=hosts,
        shard=placement.shard_id,
        schema=placement.schema,
        state=state,
        purge_after=None if now or _is_purged(tenant) else until,
        steps=tuple(steps),
    )


def delete_tenant(name: str, *, reason: str = "") -> Tenant:
    """Let the tenant be as if it had never been, to all its people, within seconds.

    Nothing of its data is touched. Its hosts and its slug stay its own until it is purged, which
    nobody does before ATOLL_DELETION_GRACE_DAYS have passed. Processes that do not hear of it find
    out when what they remember is no longer fresh.

    Locks: the tenant's row.
    Transaction: opens one on control.
    Idempotent: a second deletion does not begin the grace anew.

    Raises:
        UnknownSlug: there is no such tenant.
        WrongTenantState: it is still being made.
    """
    tenant_id = find_tenant(name).id
    tenants = Tenant.objects.using(CONTROL).filter(id=tenant_id)
    with transaction.atomic(using=CONTROL):
        tenant: Tenant = tenants.select_for_update().get()
        found = TenantState(tenant.state)
        _check(tenant, found)
        if found is TenantState.DELETED:
            return tenant
        # Control's clock, by which the purge will ask whether the grace is over.
        tenants.update(
            state=TenantState.DELETED,
            restored_as=found,
            deleted_at=Now(),
            purge_after=Now() + tenant_settings().grace,
        )
        tenant = tenants.get()
        record_audit(
            "tenant.delete",
            tenant.id,
            before={"state": str(found), "slug": tenant.slug},
            after={
                "state": str(TenantState.DELETED),
                "purge_after": tenant.purge_after.isoformat() if tenant.purge_after else None,
                "reason": reason,
            },
        )
        announce_change(tenant.id)
    return tenant


def _check(tenant: Tenant, found: TenantState) -> None:
    if found is not TenantState.DELETED and TenantState.DELETED not in TENANT_TRANSITIONS[found]:
        raise WrongTenantState(tenant.slug, found=found, wanted=TenantState.DELETED)


def _is_purged(tenant: Tenant) -> bool:
    return Purge.objects.using(CONTROL).filter(tenant=tenant).exists()


def _steps_of_purge(tenant: Tenant, shard: str, schema: str) -> list[str]:
    rest = tenant_settings().quarantine.days
    return [
        f"drop schema {schema} on {shard}, some tables at a time",
        "delete its files and run the steps of TENANT_PURGE_STEPS",
        f"forget it; the slug {tenant.slug} rests for {rest} days, the audit stays",
    ]
