"""Take back a tenant that was never finished."""

from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction

from sharding.placements.errors import LeaseHeld
from sharding.placements.services.audit import record_audit
from sharding.placements.services.dead_holders import free_of_the_dead
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import (
    delete_placement,
    get_placement,
    set_placement_state,
)
from sharding.placements.states import PlacementState
from sharding.registry import current as addresses
from sharding.schemas.services.drop_schema import drop_schema
from tenants.adoption.services.taken import refuse_taken_over
from tenants.directory.changes import announce_change
from tenants.errors import BeingProvisioned, WrongTenantState
from tenants.models import CONTROL, Domain, Tenant
from tenants.services import journal
from tenants.services.files import clear_files
from tenants.services.finding import find_tenant
from tenants.services.probing import check_answers
from tenants.services.provision import LEASE_FOR
from tenants.states import ProvisionState


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What taking a tenant back would take away.

    Attributes:
        begun: how far its making is.
        hosts: that would be free again.
    """

    tenant_id: str
    slug: str
    shard: str
    schema: str
    begun: str
    hosts: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "hosts": list(self.hosts)}


def plan_undo(slug: str) -> UndoPlan:
    """What `undo_provision` would take away. Changes nothing; its shard is asked.

    Raises:
        UnknownSlug, WrongTenantState, AlreadyTakenOver, ShardNotUsable: as undo_provision.
    """
    tenant, state = _unfinished(slug)
    place = get_placement(tenant.id).to_scope()
    check_answers(place.shard)
    if state is not ProvisionState.UNDOING:
        refuse_taken_over(tenant.id, tenant.slug, place)
    return UndoPlan(tenant.id, tenant.slug, place.shard, place.schema, str(state), _hosts(tenant))


def undo_provision(slug: str) -> str:
    """Drop what there is of an unfinished tenant and free its slug; return its id.

    The id is used up all the same. Nobody was ever served there, so the slug needs no quarantine.

    Locks: the tenant's lease.
    Transaction: opens its own on control and on the shard; forbids an open one.
    Idempotent: an undo that was cut off is finished by the next one.

    Raises:
        UnknownSlug: there is no such tenant.
        WrongTenantState: it is finished; its data may be somebody's.
        BeingProvisioned: somebody is making it now.
        AlreadyTakenOver: its schema was adopted, and is the only copy of its data.
        ShardNotUsable: nothing was changed.
        SchemaInUse, ServerUnreachable: run it again.
    """
    tenant, _ = _unfinished(slug)
    place = get_placement(tenant.id).to_scope()
    check_answers(place.shard)
    try:
        with free_of_the_dead(lease(tenant.id, "undo", LEASE_FOR)):
            if journal.read(tenant.id) is not ProvisionState.UNDOING:
                refuse_taken_over(tenant.id, tenant.slug, place)
                with transaction.atomic(using=CONTROL, durable=True):
                    journal.advance(tenant.id, ProvisionState.UNDOING)
                    set_placement_state(tenant.id, PlacementState.DROPPING)
                    announce_change(tenant.id)
            drop_schema(addresses.shard(place.shard), place.schema)
            # An import that was cut off may have brought files.
            clear_files(place)
            _forget(tenant)
    except LeaseHeld as error:
        raise BeingProvisioned(tenant.slug, holder=error.holder) from error
    return str(tenant.id)


def _unfinished(slug: str) -> tuple[Tenant, ProvisionState]:
    tenant = find_tenant(slug)
    state = journal.read(tenant.id)
    if state is ProvisionState.DONE:
        raise WrongTenantState(tenant.slug, found="finished", wanted="undone")
    return tenant, state


def _hosts(tenant: Tenant) -> tuple[str, ...]:
    rows = Domain.objects.using(CONTROL).filter(tenant=tenant).order_by("domain")
    return tuple(rows.values_list("domain", flat=True))


def _forget(tenant: Tenant) -> None:
    with transaction.atomic(using=CONTROL, durable=True):
        hosts = _hosts(tenant)
        announce_change(tenant.id, hosts=hosts)
        record_audit("tenant.undo", tenant.id, before={"slug": tenant.slug, "hosts": list(hosts)})
        delete_placement(tenant.id)
        tenant.delete(using=CONTROL)
