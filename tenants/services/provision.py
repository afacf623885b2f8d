"""Make a tenant: claim its names and place, build its schema, run the steps, open it.

What is done is journaled (`Provisioning`), so that the next run of the same request goes on where
the last one ended, however it ended. Nobody is served before all is done.
"""

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import psycopg
from django.db import transaction
from django.db.utils import DatabaseError, IntegrityError

from migrations_tools.errors import MigrationToolsError
from migrations_tools.services.build_schema import build_schema
from migrations_tools.spares.services.wanted import spare_wanted
from sharding.placements.errors import IdsInUse, LeaseHeld
from sharding.placements.models import ReservedRole
from sharding.placements.services.audit import record_audit
from sharding.placements.services.dead_holders import free_of_the_dead
from sharding.placements.services.ids_in_use import withhold_ids
from sharding.placements.services.keeping import kept
from sharding.placements.services.leases import Lease, lease
from sharding.placements.services.placing import (
    create_placement,
    get_placement,
    set_placement_state,
)
from sharding.placements.services.reserving import reserve_tenant_id
from sharding.placements.states import PlacementState
from sharding.pools.outages import without_rows
from sharding.rebalance.services.wishes import pin_new_tenant
from sharding.schemas.errors import SchemaError
from tenants.conf import tenant_settings
from tenants.directory.changes import announce_change
from tenants.errors import (
    BeingProvisioned,
    ProvisionFailed,
    SlugOfDeleted,
    SlugTaken,
    WrongTenantState,
)
from tenants.models import CONTROL, Domain, Provisioning, RetiredSlug, Tenant
from tenants.services import asking, journal
from tenants.services.change_plan import check_plan
from tenants.services.probing import check_answers, check_ids, usable_shard
from tenants.services.steps import run_steps_of
from tenants.services.types import AUTO, ProvisionPlan, ProvisionReceipt, ProvisionRequest
from tenants.states import ProvisionState, TenantState

PURPOSE: Final = "provision"
LEASE_FOR: Final = timedelta(seconds=20)
"""Short, so that a run after a crash on another machine does not wait long; renewed per step."""

Tell = Callable[[str], None]


def silent(line: str) -> None:
    """Tell nobody."""


def plan_provision(request: ProvisionRequest) -> ProvisionPlan:
    """What `provision_tenant` would do now. Changes nothing.

    Raises:
        TenantError, PlacementError: as provision_tenant, before it changes anything.
    """
    hosts = asking.check_request(request)
    check_plan(request.plan)
    tenant = Tenant.objects.using(CONTROL).filter(slug=request.slug).first()
    if tenant is None:
        asking.check_free(request.slug, hosts, heir_of=_heir_of(request))
        shard, tenant_id, done = usable_shard(request.shard, labels=request.needs), "", None
    else:
        done = _state_of_same(tenant, request)
        placement = get_placement(tenant.id)
        tenant_id, shard = tenant.id, placement.shard_id
        if done is not ProvisionState.DONE:
            check_answers(shard)
    return ProvisionPlan(
        request=request,
        hosts=hosts,
        shard=shard,
        tenant_id=tenant_id,
        done=done,
        steps=journal.steps_after(done, shard=shard, hosts=hosts),
    )


def provision_tenant(request: ProvisionRequest, *, tell: Tell = silent) -> ProvisionReceipt:
    """Make the tenant, or finish making it.

    Locks: the tenant's lease, while it works.
    Transaction: opens its own on control and on the shard; forbids an open one.
    Idempotent: by slug, for the same request. A tenant that is there as asked for is returned,
        with `created` False.

    Raises:
        InvalidSlug, InvalidDomain, InvalidRequest, UnknownPlan: nothing was changed.
        SlugTaken, SlugQuarantined, DomainTaken: nothing was changed.
        ShardUnavailable, ShardNotUsable: nothing was changed.
        IdsInUse: control is older than the shard. No tenant was made; those ids are given to
            nobody any more.
        BeingProvisioned: somebody else is at it.
        ProvisionFailed: it is half made, closed and journaled; run it again.
    """
    plan = plan_provision(request)
    if plan.done is ProvisionState.DONE:
        return _receipt(plan, created=False)
    if not plan.tenant_id:
        tell(f"claiming {', '.join(plan.hosts)} on {plan.shard}")
        plan = dataclasses.replace(plan, tenant_id=_claim(plan))
    try:
        with free_of_the_dead(lease(plan.tenant_id, PURPOSE, LEASE_FOR)) as held:
            _make(plan, held, tell)
    except LeaseHeld as error:
        raise BeingProvisioned(request.slug, holder=error.holder) from error
    return _receipt(plan, created=True)


def _state_of_same(tenant: Tenant, request: ProvisionRequest) -> ProvisionState:
    """How far an earlier run of this very request came.

    Raises:
        SlugTaken: it was another request.
        SlugOfDeleted: whatever it was, the tenant is deleted.
        WrongTenantState: it is being taken back.
    """
    if tenant.state == TenantState.DELETED:
        raise SlugOfDeleted(tenant.slug, tenant.id, purge_after=tenant.purge_after)
    found = Provisioning.objects.using(CONTROL).filter(tenant=tenant).first()
    placement = get_placement(tenant.id)
    same_place = request.shard in (AUTO, placement.shard_id)
    if found is None or not request.is_same_as(found.asked) or not same_place:
        raise SlugTaken(tenant.slug, tenant.id)
    if found.state == ProvisionState.UNDOING:
        raise WrongTenantState(tenant.slug, found="being taken back", wanted="finished")
    return ProvisionState(found.state)


def _told(plan: ProvisionPlan) -> dict[str, Any]:
    """What the audit says for good, so without the address of anybody."""
    told = {**plan.request.asked(), "shard": plan.shard}
    del told["admin"]
    return told


def _claim(plan: ProvisionPlan) -> str:
    request = plan.request
    try:
        check_ids(plan.shard, request.slug)
    except IdsInUse as error:
        withhold_ids(error)
        raise
    spare = spare_wanted(plan.shard) if request.contents is None else None
    tenant_id = reserve_tenant_id(plan.shard, used_by=request.slug, spare=spare)
    try:
        with transaction.atomic(using=CONTROL, durable=True):
            # An heir's stays: when the heir goes again, its slug is that one's to take back.
            resting = RetiredSlug.objects.using(CONTROL).filter(slug=request.slug)
            resting.exclude(tenant_id=_heir_of(request)).delete()
            tenant = Tenant(
                id=tenant_id,
                schema_name=tenant_id,
                slug=request.slug,
                name=request.name or request.slug,
                plan=check_plan(request.plan),
            )
            tenant.save(using=CONTROL, force_insert=True)
            for host in plan.hosts:
                domain = Domain(domain=host, tenant=tenant, is_primary=host == plan.hosts[0])
                domain.save(using=CONTROL, force_insert=True)
            create_placement(tenant_id, plan.shard)
            if request.needs:
                pin_new_tenant(tenant_id, request.needs)
            Provisioning.objects.using(CONTROL).create(tenant=tenant, asked=request.asked())
            record_audit("tenant.claim", tenant_id, after=_told(plan))
            # Who asked for this host a moment ago was told that nobody is there.
            announce_change(tenant_id)
    except IntegrityError:
        # Somebody was faster, by slug or by host. If it was the same request, they work on it.
        ReservedRole.objects.using(CONTROL).filter(name=tenant_id, placed_at=None).update(
            used_by=""
        )
        tenant_of_it = _id_of(request.slug)
        asking.check_free(
            request.slug, plan.hosts, tenant_id=tenant_of_it, heir_of=_heir_of(request)
        )
        tenant_of_slug = Tenant.objects.using(CONTROL).filter(slug=request.slug).first()
        if tenant_of_slug is None:
            raise
        _state_of_same(tenant_of_slug, request)
        return str(tenant_of_slug.id)
    return tenant_id


def _heir_of(request: ProvisionRequest) -> str:
    return "" if request.contents is None else request.contents.heir_of


def _id_of(slug: str) -> str:
    tenant = Tenant.objects.using(CONTROL).filter(slug=slug).first()
    return "" if tenant is None else str(tenant.id)


def _make(plan: ProvisionPlan, held: Lease, tell: Tell) -> None:
    """Do what is left to do, one journaled state after the other."""
    done = journal.read(plan.tenant_id)

    def still_there(line: str) -> None:
        held.renew()
        tell(line)

    try:
        if done is ProvisionState.CLAIMED:
            _build(plan, held, still_there)
            done = journal.advance(plan.tenant_id, ProvisionState.BUILT)
        if done is ProvisionState.BUILT:
            _seed(plan, still_there)
            done = journal.advance(plan.tenant_id, ProvisionState.SEEDED)
        held.renew()
        if done is ProvisionState.SEEDED:
            _open(plan)
            tell(f"{plan.hosts[0]} is open")
    except (DatabaseError, psycopg.Error, OSError, SchemaError, MigrationToolsError) as error:
        why = without_rows(error)
        journal.note_error(plan.tenant_id, why)
        raise ProvisionFailed(plan.request.slug, state=done, why=why) from error


def _build(plan: ProvisionPlan, held: Lease, tell: Tell) -> None:
    place = get_placement(plan.tenant_id).to_scope()
    tell(f"building schema {place.schema} on {place.shard}")
    # What the shard remembers is the epoch that the placement has once it is ready.
    ready = dataclasses.replace(place, epoch=place.epoch + 1)
    contents = plan.request.contents
    if contents is None:
        build_schema(ready, tell=tell)
        return
    with kept(held):
        contents.build(ready, tell)


def _seed(plan: ProvisionPlan, tell: Tell) -> None:
    def failure(why: str) -> ProvisionFailed:
        journal.note_error(plan.tenant_id, why)
        return ProvisionFailed(plan.request.slug, state=ProvisionState.BUILT, why=why)

    contents = plan.request.contents
    steps = contents.steps if contents is not None else tenant_settings().provision_steps
    run_steps_of(plan.tenant_id, steps, plan.request, tell=tell, failure=failure)


def _open(plan: ProvisionPlan) -> None:
    with transaction.atomic(using=CONTROL, durable=True):
        set_placement_state(plan.tenant_id, PlacementState.READY)
        Tenant.objects.using(CONTROL).filter(id=plan.tenant_id).update(state=TenantState.ACTIVE)
        journal.advance(plan.tenant_id, ProvisionState.DONE)
        record_audit("tenant.open", plan.tenant_id, after={"state": str(TenantState.ACTIVE)})
        announce_change(plan.tenant_id)


def _receipt(plan: ProvisionPlan, *, created: bool) -> ProvisionReceipt:
    tenant = Tenant.objects.using(CONTROL).get(id=plan.tenant_id)
    return ProvisionReceipt(
        tenant_id=tenant.id,
        slug=tenant.slug,
        name=tenant.name,
        hosts=plan.hosts,
        placement=get_placement(tenant.id).to_scope(),
        created=created,
    )
