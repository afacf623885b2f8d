"""Give a tenant another slug, and if wanted another name, in one go."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from tenants.conf import tenant_settings
from tenants.errors import SlugTaken, UnknownSlug
from tenants.models import CONTROL, RetiredSlug, Tenant
from tenants.services.asking import check_free, host_of_slug
from tenants.services.change_name import change_name, check_name
from tenants.services.change_slug import change_slug, check_renamable
from tenants.services.finding import find_tenant
from tenants.slugs import check_slug


@dataclass(frozen=True, slots=True)
class Renaming:
    """What renaming a tenant would do, or did.

    Attributes:
        before, after: the slug.
        host_before, host_after: the host of the slug; further domains stay as they are.
        name_before, name_after: what people read.
        rests_until: nobody else gets the old slug before; None where there is no old one.
    """

    tenant_id: str
    before: str
    after: str
    host_before: str
    host_after: str
    name_before: str
    name_after: str
    rests_until: datetime | None

    @property
    def changes_nothing(self) -> bool:
        """It is called so already."""
        return self.before == self.after and self.name_before == self.name_after

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        told = {name: getattr(self, name) for name in self.__slots__}
        return told | {"rests_until": self.rests_until.isoformat() if self.rests_until else None}


def plan_renaming(tenant: str, slug: str, *, name: str = "") -> Renaming:
    """What `rename_tenant` would do. Changes nothing.

    Raises:
        TenantError: as rename_tenant.
    """
    check_slug(slug)
    host = host_of_slug(slug)
    row = _find(tenant, slug)
    check_renamable(row)
    wanted = check_name(name) if name else row.name
    if row.slug != slug:
        other = Tenant.objects.using(CONTROL).filter(slug=slug).first()
        if other is not None:
            raise SlugTaken(slug, other.id)
        check_free(slug, (host,), tenant_id=row.id)
    rest: timedelta = tenant_settings().quarantine
    return Renaming(
        tenant_id=row.id,
        before=row.slug,
        after=slug,
        host_before=host_of_slug(row.slug),
        host_after=host,
        name_before=row.name,
        name_after=wanted,
        rests_until=None if row.slug == slug else timezone.now() + rest,
    )


def rename_tenant(tenant: str, slug: str, *, name: str = "", reason: str = "") -> Renaming:
    """Let the tenant be called `slug`, under the host of that; and `name`, if one is given.

    The old host answers 404 within seconds and the old slug rests. Members sign in anew, since
    browsers keep cookies by host; sessions, tokens and signatures themselves stay good, as they are
    bound to the tenant's id. Further domains lead to it as before.

    Locks: the tenant's row.
    Transaction: opens one on control for the slug, and one for the name.
    Idempotent: what was cut off between the two is finished by the same call.

    Raises:
        UnknownSlug, InvalidSlug, InvalidName: nothing was changed.
        SlugTaken, SlugQuarantined, DomainTaken: nothing was changed.
        WrongTenantState: it is being made, or deleted; nothing was changed.
    """
    plan = plan_renaming(tenant, slug, name=name)
    change_slug(plan.tenant_id, slug, reason=reason)
    if plan.name_before != plan.name_after:
        change_name(plan.tenant_id, plan.name_after)
    return plan


def _find(tenant: str, slug: str) -> Tenant:
    try:
        return find_tenant(tenant)
    except UnknownSlug:
        # A run before this one may have come as far as the slug.
        now: Tenant | None = Tenant.objects.using(CONTROL).filter(slug=slug).first()
        gave_up = RetiredSlug.objects.using(CONTROL).filter(slug=tenant)
        if now is None or not gave_up.filter(tenant_id=now.id).exists():
            raise
        return now
