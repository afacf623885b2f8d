"""Give a tenant a plan, or another one, or none."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from sharding.placements.services.audit import record_audit
from tenants.conf import tenant_settings
from tenants.directory.changes import announce_change
from tenants.errors import UnknownPlan
from tenants.models import CONTROL, Tenant
from tenants.plans import NO_PLAN
from tenants.services.finding import find_tenant


@dataclass(frozen=True, slots=True)
class PlanChange:
    """What changing a tenant's plan would do, or did.

    Attributes:
        before, after: names of plans; empty for none.
    """

    tenant_id: str
    slug: str
    before: str
    after: str

    @property
    def changes_nothing(self) -> bool:
        """It has that plan already."""
        return self.before == self.after

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


def plan_change(tenant: str, plan: str) -> PlanChange:
    """What `change_plan` would do. Changes nothing.

    Raises:
        UnknownSlug, UnknownPlan: as change_plan.
    """
    after = check_plan(plan)
    found = find_tenant(tenant)
    return PlanChange(found.id, found.slug, found.plan, after)


def change_plan(tenant: str, plan: str, *, reason: str = "") -> PlanChange:
    """Let the tenant have what `plan` says; `none` for no plan.

    Processes that do not hear of it find out when what they remember is no longer fresh. What is
    under way goes on as it began.

    Locks: the tenant's row.
    Transaction: opens one on control.
    Idempotent.

    Raises:
        UnknownSlug: there is no such tenant.
        UnknownPlan: there is no such plan. Nothing was changed.
    """
    after = check_plan(plan)
    found = find_tenant(tenant)
    with transaction.atomic(using=CONTROL):
        locked: Tenant = Tenant.objects.using(CONTROL).select_for_update().get(id=found.id)
        done = PlanChange(locked.id, locked.slug, locked.plan, after)
        if done.changes_nothing:
            return done
        locked.plan = after
        locked.save(using=CONTROL, update_fields=["plan"])
        told = {"plan": after, "reason": reason} if reason else {"plan": after}
        record_audit("tenant.plan", locked.id, before={"plan": done.before}, after=told)
        announce_change(locked.id)
    return done


def check_plan(typed: str) -> str:
    """The plan that is meant by what somebody typed; empty for none.

    Raises:
        UnknownPlan: there is none of this name.
    """
    if typed in ("", NO_PLAN):
        return ""
    known = tenant_settings().plans
    if typed not in known:
        raise UnknownPlan(typed, known)
    return typed
