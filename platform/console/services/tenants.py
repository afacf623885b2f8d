"""One tenant, as far as control and its shard tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from console.errors import NotConfirmed
from console.services.audit_search import newest_of
from console.services.shards import SchemaLook, look_at_schema
from sharding.placements.models import CONTROL, AuditEntry, Placement
from tenants.errors import UnknownSlug
from tenants.models import Domain, Tenant
from tenants.services.asking import host_of_slug
from tenants.services.listing import TenantLine, lines_of
from tenants.states import TenantState


@dataclass(frozen=True, slots=True)
class HostLook:
    """One host of a tenant; that of its slug cannot be removed."""

    name: str
    is_primary: bool
    is_slugs_own: bool


@dataclass(frozen=True, slots=True)
class TenantLook:
    """One tenant on a page.

    Attributes:
        schema: None while it has no place.
        audit: the newest first.
    """

    line: TenantLine
    placement: Placement | None
    schema: SchemaLook | None
    hosts: Sequence[HostLook]
    audit: Sequence[AuditEntry]

    @property
    def created_at(self) -> datetime:
        """When it was made."""
        return datetime.fromisoformat(self.line.created_at)

    @property
    def may_be_suspended(self) -> bool:
        """It is open."""
        return self.line.state == TenantState.ACTIVE

    @property
    def may_be_resumed(self) -> bool:
        """It is closed."""
        return self.line.state == TenantState.SUSPENDED

    @property
    def may_be_deleted(self) -> bool:
        """It is open or closed."""
        return self.may_be_suspended or self.may_be_resumed

    @property
    def is_deleted(self) -> bool:
        """Its people get 404."""
        return self.line.state == TenantState.DELETED

    @property
    def may_be_restored(self) -> bool:
        """Its data is still there."""
        return self.is_deleted and not self.line.purge

    @property
    def purge_after(self) -> datetime | None:
        """When its data goes."""
        return datetime.fromisoformat(self.line.purge_after) if self.line.purge_after else None


def look_at_tenant(tenant_id: str) -> TenantLook:
    """The tenant, by its id; its shard is waited for as long as a page may wait.

    Raises:
        UnknownSlug: there is none.
    """
    lines = lines_of(Tenant.objects.using(CONTROL).filter(id=tenant_id))
    if not lines:
        raise UnknownSlug(tenant_id)
    (line,) = lines
    placement: Placement | None = (
        Placement.objects.using(CONTROL).filter(tenant_id=tenant_id).first()
    )
    own = host_of_slug(line.slug)
    domains = Domain.objects.using(CONTROL).filter(tenant_id=tenant_id)
    return TenantLook(
        line=line,
        placement=placement,
        schema=look_at_schema(placement) if placement else None,
        hosts=[
            HostLook(row.domain, row.is_primary, row.domain == own)
            for row in domains.order_by("-is_primary", "domain")
        ],
        audit=newest_of(tenant_id),
    )


def check_confirmed(line: TenantLine, typed: str) -> None:
    """Ask for the tenant's slug before something is done to all its people.

    Raises:
        NotConfirmed: something else was typed.
    """
    if typed.strip() != line.slug:
        raise NotConfirmed(line.slug)
