"""Which workspaces know an address."""

from dataclasses import dataclass

from front.keys import address_digests
from front.models import CONTROL, KnownAddress
from tenants.links import url_on
from tenants.models import Domain
from tenants.states import TenantState


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace, as somebody who belongs to it looks for it."""

    name: str
    url: str


def find_workspaces(email: str) -> list[Workspace]:
    """The open workspaces one of whose members has this normalised address, by name."""
    known = KnownAddress.objects.using(CONTROL).filter(digest__in=address_digests(email))
    return workspaces_of(list(known.values_list("tenant_id", flat=True)))


def workspaces_of(tenant_ids: list[str]) -> list[Workspace]:
    """Those of these tenants that are open, each under its primary host."""
    domains = (
        Domain.objects.using(CONTROL)
        .filter(tenant__in=tenant_ids, tenant__state=TenantState.ACTIVE, is_primary=True)
        .select_related("tenant")
        .order_by("tenant__name", "domain")
    )
    return [Workspace(each.tenant.name, url_on(each.domain, "/")) for each in domains]
