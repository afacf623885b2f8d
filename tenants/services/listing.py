"""All tenants, or one, as control knows them. No shard is asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects

from sharding.placements.models import Placement
from sharding.placements.services.shards import find_shard
from sharding.placements.states import PlacementState
from tenants.models import CONTROL, Domain, Provisioning, Purge, Tenant
from tenants.services.finding import find_tenant
from tenants.serving import may_serve
from tenants.states import TenantState


@dataclass(frozen=True, slots=True)
class TenantLine:
    """One tenant in a list.

    Attributes:
        hosts: the primary one first.
        served: what a request gets (see `tenants.serving`).
        provisioning: how far its making is, and what went wrong last; empty once it is done.
        plan: how much of its shard it may have; empty for no plan.
        purge_after: of a deleted tenant, when its data goes; empty for all others.
        purge: how far that is, and what went wrong last; empty before it begins.
        lease: who changes its schema or place now, and for what; empty for nobody.
    """

    tenant_id: str
    slug: str
    name: str
    state: str
    hosts: tuple[str, ...]
    shard: str
    schema: str
    placement_state: str
    epoch: int
    served: str
    plan: str
    provisioning: str
    purge_after: str
    purge: str
    lease: str
    created_at: str

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {name: getattr(self, name) for name in self.__slots__} | {"hosts": list(self.hosts)}


def list_tenants(*, shard: str = "", state: str = "") -> list[TenantLine]:
    """All tenants by slug; only those of one shard, or in one state, if told.

    Raises:
        NoSuchShard: `shard` is none's name.
    """
    if shard:
        find_shard(shard)
    tenants = Tenant.objects.using(CONTROL).order_by("slug")
    if state:
        tenants = tenants.filter(state=state)
    lines = lines_of(tenants)
    return [line for line in lines if not shard or line.shard == shard]


def show_tenant(name: str) -> TenantLine:
    """One tenant, by slug or id.

    Raises:
        UnknownSlug: there is none.
    """
    return lines_of(Tenant.objects.using(CONTROL).filter(id=find_tenant(name).id))[0]


def lines_of(tenants: Iterable[Tenant]) -> list[TenantLine]:
    """These tenants in their order, with what control keeps of them elsewhere."""
    domains = Domain.objects.using(CONTROL).order_by("-is_primary", "domain")
    rows = list(tenants)
    prefetch_related_objects(rows, Prefetch("domains", domains))
    ids = [row.id for row in rows]
    placements = {p.tenant_id: p for p in Placement.objects.using(CONTROL).in_bulk(ids).values()}
    journals = Provisioning.objects.using(CONTROL).in_bulk(ids)
    deleted = [row.id for row in rows if row.state == TenantState.DELETED]
    purges = Purge.objects.using(CONTROL).in_bulk(deleted) if deleted else {}
    return [
        _line(row, placements.get(row.id), journals.get(row.id), purges.get(row.id)) for row in rows
    ]


def _line(
    tenant: Tenant,
    placement: Placement | None,
    journal: Provisioning | None,
    purge: Purge | None,
) -> TenantLine:
    return TenantLine(
        tenant_id=tenant.id,
        slug=tenant.slug,
        name=tenant.name,
        state=tenant.state,
        hosts=tuple(domain.domain for domain in tenant.domains.all()),
        shard=placement.shard_id if placement else "",
        schema=placement.schema if placement else "",
        placement_state=placement.state if placement else "missing",
        epoch=placement.epoch if placement else 0,
        served=may_serve(TenantState(tenant.state), PlacementState(placement.state))
        if placement
        else "not ready",
        plan=tenant.plan,
        provisioning=_journal(journal),
        purge_after=tenant.purge_after.isoformat() if tenant.purge_after else "",
        purge=_journal(purge),
        lease=f"{placement.lease_holder} for {placement.lease_purpose}"
        if placement and placement.lease_holder
        else "",
        created_at=tenant.created_at.isoformat(),
    )


def _journal(journal: Provisioning | Purge | None) -> str:
    if journal is None or journal.state == "done":
        return ""
    return f"{journal.state}: {journal.last_error}" if journal.last_error else str(journal.state)
