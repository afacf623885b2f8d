"""Give a tenant another slug; the old one rests."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from sharding.placements.services.audit import record_audit
from tenants.conf import tenant_settings
from tenants.directory.changes import announce_change
from tenants.errors import SlugTaken, WrongTenantState
from tenants.models import CONTROL, Domain, RetiredSlug, Tenant
from tenants.services.asking import check_free, host_of_slug
from tenants.services.finding import find_tenant
from tenants.slugs import check_slug
from tenants.states import TenantState


def change_slug(name: str, slug: str, *, reason: str = "") -> Tenant:
    """Let the tenant be called `slug`. Nobody else gets its old one for a while.

    The host of the slug changes with it: the old one leads nowhere from then on, within seconds.
    A tenant may take its own old slug back at once.

    Locks: the tenant's row.
    Transaction: opens one on control.
    Idempotent.

    Raises:
        UnknownSlug, InvalidSlug, SlugTaken, SlugQuarantined, DomainTaken: nothing was changed.
        WrongTenantState: it is being made, or deleted.
    """
    check_slug(slug)
    host = host_of_slug(slug)
    found = find_tenant(name)
    try:
        with transaction.atomic(using=CONTROL):
            tenant: Tenant = Tenant.objects.using(CONTROL).select_for_update().get(id=found.id)
            old = tenant.slug
            check_renamable(tenant)
            if old == slug:
                return tenant
            other = Tenant.objects.using(CONTROL).filter(slug=slug).first()
            if other is not None:
                raise SlugTaken(slug, other.id)
            check_free(slug, (host,), tenant_id=tenant.id)
            RetiredSlug.objects.using(CONTROL).filter(slug=slug).delete()
            RetiredSlug.objects.using(CONTROL).update_or_create(
                slug=old,
                defaults={
                    "tenant_id": tenant.id,
                    "until": timezone.now() + tenant_settings().quarantine,
                },
            )
            old_host = host_of_slug(old)
            Domain.objects.using(CONTROL).filter(domain=old_host).update(domain=host)
            tenant.slug = slug
            tenant.save(using=CONTROL, update_fields=["slug"])
            record_audit(
                "tenant.slug",
                tenant.id,
                before={"slug": old, "host": old_host},
                after={"slug": slug, "host": host, "reason": reason},
            )
            announce_change(tenant.id, hosts=(old_host,))
    except IntegrityError as error:
        raise SlugTaken(slug, "of another operator's making") from error
    return tenant


def check_renamable(tenant: Tenant) -> None:
    """Refuse a tenant whose slug its making, or its restoring, goes by.

    Raises:
        WrongTenantState: it is being made, or deleted.
    """
    if tenant.state not in (TenantState.ACTIVE, TenantState.SUSPENDED):
        raise WrongTenantState(tenant.slug, found=tenant.state, wanted="renamed")


def purge_retired_slugs() -> int:
    """Forget slugs that have rested long enough; return how many."""
    deleted, _ = RetiredSlug.objects.using(CONTROL).filter(until__lt=timezone.now()).delete()
    return int(deleted)
