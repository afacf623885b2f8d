"""Purge all tenants whose grace is over, and finish purges that were cut off."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from tenants.errors import TenantError, UnknownSlug, WrongTenantState
from tenants.models import CONTROL, Tenant
from tenants.services.errors import PurgeNotDue
from tenants.services.finding import find_tenant
from tenants.services.purge import Tell, purge_tenant, silent
from tenants.states import TenantState


@dataclass(frozen=True, slots=True)
class PurgeResult:
    """What became of one tenant.

    Attributes:
        tables, files: gone in this run.
        error: why it is not purged; empty when it is.
    """

    tenant_id: str
    slug: str
    tables: int = 0
    files: int = 0
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


def tenants_to_purge(only: str = "") -> list[Tenant]:
    """Those whose grace is over by control's clock or whose purge has begun, the oldest first.

    `only`: this one, if it is one of them.

    Raises:
        UnknownSlug: there is no tenant `only`.
        WrongTenantState, PurgeNotDue: it is not to be purged now.
    """
    rows = Tenant.objects.using(CONTROL).filter(
        Q(purge_after__lte=Now()) | Q(purge__isnull=False), state=TenantState.DELETED
    )
    if not only:
        return list(rows.order_by("purge_after", "id"))
    tenant = find_tenant(only)
    if tenant.state != TenantState.DELETED:
        raise WrongTenantState(tenant.slug, found=tenant.state, wanted="purged")
    if not rows.filter(id=tenant.id).exists():
        raise PurgeNotDue(tenant.slug, purge_after=tenant.purge_after)
    return [tenant]


def purge_due(tenants: list[Tenant], *, tell: Tell = silent) -> Iterator[PurgeResult]:
    """Purge these tenants one after the other and yield what became of each.

    One that fails is reported, and the next one is taken. One that was restored or purged by
    somebody else meanwhile is left out.

    Idempotent: what was cut off anywhere is finished by the next run.
    """
    for tenant in tenants:
        try:
            done = purge_tenant(tenant.id, tell=tell)
        except (UnknownSlug, WrongTenantState, PurgeNotDue):
            continue
        except TenantError as error:
            yield PurgeResult(tenant.id, tenant.slug, error=str(error))
        else:
            yield PurgeResult(tenant.id, tenant.slug, done.tables, done.files)
