"""Close a tenant to its people, and open it again. Its data stays as it is."""

from django.db import transaction

from sharding.placements.services.audit import record_audit
from tenants.directory.changes import announce_change
from tenants.errors import WrongTenantState
from tenants.models import CONTROL, Tenant
from tenants.services.finding import find_tenant
from tenants.states import TENANT_TRANSITIONS, TenantState


def suspend_tenant(name: str, *, reason: str = "") -> Tenant:
    """Answer 403 to everybody who comes to this tenant, within seconds.

    Processes that do not hear of it find out when what they remember is no longer fresh.
    `reason` is for the audit: the page (`tenants.pages.suspended`) does not show it.

    Locks: the tenant's row.
    Transaction: opens one on control.
    Idempotent: the reason of a second time is not kept.

    Raises:
        UnknownSlug: there is no such tenant.
        WrongTenantState: it is not open yet, or deleted.
    """
    return _set_state(name, TenantState.SUSPENDED, reason)


def resume_tenant(name: str, *, reason: str = "") -> Tenant:
    """Serve a suspended tenant again.

    Locks: the tenant's row.
    Transaction: opens one on control.
    Idempotent.

    Raises:
        UnknownSlug: there is no such tenant.
        WrongTenantState: it is not suspended, but still being made, or deleted.
    """
    return _set_state(name, TenantState.ACTIVE, reason)


def plan_state(name: str, to: TenantState) -> Tenant:
    """The tenant as it is, if it may be suspended (or resumed, by `to`). Changes nothing.

    Raises:
        UnknownSlug, WrongTenantState: as suspend_tenant and resume_tenant.
    """
    tenant = find_tenant(name)
    _check(tenant, to)
    return tenant


def _set_state(name: str, to: TenantState, reason: str) -> Tenant:
    tenant_id = find_tenant(name).id
    with transaction.atomic(using=CONTROL):
        tenant: Tenant = Tenant.objects.using(CONTROL).select_for_update().get(id=tenant_id)
        found = _check(tenant, to)
        if found is to:
            return tenant
        tenant.state = to
        tenant.save(using=CONTROL, update_fields=["state"])
        record_audit(
            f"tenant.{to}",
            tenant.id,
            before={"state": str(found)},
            after={"state": str(to), "reason": reason},
        )
        announce_change(tenant.id)
    return tenant


def _check(tenant: Tenant, to: TenantState) -> TenantState:
    found = TenantState(tenant.state)
    # What is being made becomes active by its provisioning only, what is deleted by being
    # restored, which sees to its schema.
    by_others = (TenantState.PROVISIONING, TenantState.DELETED)
    if found is not to and (to not in TENANT_TRANSITIONS[found] or found in by_others):
        raise WrongTenantState(tenant.slug, found=found, wanted=to)
    return found
