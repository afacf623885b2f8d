"""Further hosts of a tenant."""

from django.db import IntegrityError, transaction

from sharding.placements.services.audit import record_audit
from tenants.directory.changes import announce_change
from tenants.errors import DomainTaken, LastDomain, UnknownDomain
from tenants.hosts import normalise_domain
from tenants.models import CONTROL, Domain, Tenant
from tenants.services.asking import check_not_ours, host_of_slug
from tenants.services.finding import find_tenant


def plan_domain(name: str, typed: str) -> tuple[Tenant, str]:
    """The tenant and the domain, in its one form, that `add_domain` would join. Changes nothing.

    Raises:
        UnknownSlug, InvalidDomain, DomainTaken: it would not.
    """
    tenant = find_tenant(name)
    domain = normalise_domain(typed)
    check_not_ours(domain)
    taken = Domain.objects.using(CONTROL).filter(domain=domain).exclude(tenant=tenant).first()
    if taken is not None:
        raise DomainTaken(domain, taken.tenant_id)
    return tenant, domain


def leads_already(tenant: Tenant, domain: str, *, primary: bool = False) -> bool:
    """Whether `add_domain` would find its work done."""
    rows = Domain.objects.using(CONTROL).filter(tenant=tenant, domain=domain)
    return bool((rows.filter(is_primary=True) if primary else rows).exists())


def add_domain(name: str, typed: str, *, primary: bool = False) -> Domain:
    """Let the tenant be reached under one more host; `primary`: it is named first.

    Locks: the tenant's row, so that at most one domain is the primary one.
    Transaction: opens one on control.
    Idempotent.

    Raises:
        UnknownSlug, InvalidDomain, DomainTaken: nothing was changed.
    """
    tenant, domain = plan_domain(name, typed)
    try:
        with transaction.atomic(using=CONTROL):
            Tenant.objects.using(CONTROL).select_for_update().get(id=tenant.id)
            domains = Domain.objects.using(CONTROL).filter(tenant=tenant)
            row = domains.filter(domain=domain).first() or Domain(
                domain=domain, tenant=tenant, is_primary=False
            )
            if row.pk is not None and (row.is_primary or not primary):
                return row
            if primary:
                domains.update(is_primary=False)
                row.is_primary = True
            row.save(using=CONTROL)
            record_audit("domain.add", tenant.id, after={"domain": domain, "primary": primary})
            announce_change(tenant.id)
    except IntegrityError as error:
        taken = Domain.objects.using(CONTROL).filter(domain=domain).first()
        raise DomainTaken(domain, taken.tenant_id if taken else "") from error
    return row


def plan_removal(name: str, typed: str) -> tuple[Tenant, Domain]:
    """The domain that `remove_domain` would take away. Changes nothing.

    Raises:
        UnknownSlug, InvalidDomain, UnknownDomain, LastDomain: it would not.
    """
    tenant = find_tenant(name)
    domain = normalise_domain(typed)
    row = Domain.objects.using(CONTROL).filter(tenant=tenant, domain=domain).first()
    if row is None:
        raise UnknownDomain(domain, tenant.slug)
    if domain == host_of_slug(tenant.slug):
        raise LastDomain(domain, tenant.slug)
    return tenant, row


def remove_domain(name: str, typed: str) -> str:
    """Let the tenant no longer be reached under a host; return it in its one form.

    If it was the primary one, the slug's host becomes that.

    Locks: the tenant's row.
    Transaction: opens one on control.

    Raises:
        UnknownSlug, InvalidDomain, UnknownDomain, LastDomain: nothing was changed.
    """
    tenant, row = plan_removal(name, typed)
    with transaction.atomic(using=CONTROL):
        Tenant.objects.using(CONTROL).select_for_update().get(id=tenant.id)
        was_primary = row.is_primary
        row.delete(using=CONTROL)
        if was_primary:
            Domain.objects.using(CONTROL).filter(domain=host_of_slug(tenant.slug)).update(
                is_primary=True
            )
        record_audit("domain.remove", tenant.id, before={"domain": row.domain})
        announce_change(tenant.id, hosts=(row.domain,))
    return str(row.domain)
