"""Make a tenant known again that control has forgotten, where its schema is.

Control was restored from a backup: of tenants that were made since, the shards know, and control
does not. What only control knew is lost: slug, name, domains and plan are told anew, and whether
the tenant was suspended or deleted nobody can say. So it comes back suspended.

Source: AttachShard of Azure's Elastic Database tools does so for a shard map that was restored.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import psycopg
from django.db import DatabaseError, transaction
from django.db.utils import IntegrityError

from migrations_tools.drift.services.survey import look_at_shards
from migrations_tools.drift.types import ShardSeen
from migrations_tools.errors import MigrationToolsError
from migrations_tools.services.build_schema import build_schema
from sharding.placements.errors import PlacementError
from sharding.placements.models import Placement, ReservedRole, Shard
from sharding.placements.services.audit import record_audit
from sharding.placements.services.dead_holders import free_of_the_dead
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import get_placement, reattach_placement
from sharding.placements.services.spares import WITHHELD
from sharding.pools.outages import without_rows
from sharding.registry.current import registry
from sharding.registry.errors import RegistryError
from sharding.schemas.errors import SchemaError
from sharding.scope.types import TENANT_ID_PATTERN
from tenants.archives.conf import archive_settings
from tenants.directory.changes import announce_change
from tenants.errors import InvalidRequest, SlugTaken
from tenants.models import CONTROL, Domain, Provisioning, RetiredSlug, Tenant
from tenants.services import asking
from tenants.services.change_plan import check_plan
from tenants.services.errors import NotForgotten, ReattachFailed
from tenants.services.forgotten import Copy, only_copy
from tenants.services.steps import run_steps_of
from tenants.services.types import ProvisionRequest
from tenants.states import ProvisionState, TenantState

PURPOSE: Final = "reattach"
LEASE_FOR: Final = timedelta(seconds=60)
_STOPS: Final = (
    DatabaseError,
    psycopg.Error,
    MigrationToolsError,
    PlacementError,
    RegistryError,
    SchemaError,
)

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Reattachment:
    """What is done, or was.

    Attributes:
        hosts: under which it is reached once it is resumed, the primary one first.
        known: an earlier run has made it known; its schema is looked at again.
    """

    tenant_id: str
    slug: str
    hosts: tuple[str, ...]
    shard: str
    known: bool

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "tenant_id": self.tenant_id,
            "slug": self.slug,
            "hosts": list(self.hosts),
            "shard": self.shard,
            "known": self.known,
        }


def plan_reattachment(tenant_id: str, request: ProvisionRequest) -> Reattachment:
    """What `reattach_tenant` would do now. Asks all shards, and changes nothing.

    Raises:
        TenantError: as reattach_tenant, before it changes anything.
    """
    return _plan(tenant_id, request)[0]


def reattach_tenant(
    tenant_id: str, request: ProvisionRequest, *, reason: str = "", tell: Tell = lambda line: None
) -> Reattachment:
    """Make a forgotten tenant known under these names, suspended, where its schema is.

    Its schema is then brought to the state of the code, and the steps of TENANT_ARRIVAL_STEPS run
    in it: what control forgot, they tell. Its files, sessions and tokens are as they were. Of the
    request its shard, first admin and contents mean nothing.

    Locks: the tenant's lease, once it is known.
    Transaction: one on control; forbids an open one.
    Idempotent: by id and slug.

    Raises:
        InvalidSlug, InvalidDomain, InvalidRequest, UnknownPlan: nothing was changed.
        SlugTaken, SlugQuarantined, DomainTaken: nothing was changed.
        NotForgotten: control knows it, or no shard has it, or nobody can tell which copy is it.
        ReattachFailed: it is known, and stays suspended; run it again.
    """
    plan, copy = _plan(tenant_id, request)
    if copy is not None:
        tell(f"{tenant_id} is on {plan.shard}")
        _make_known(plan, request, copy, reason)
    try:
        with free_of_the_dead(lease(tenant_id, PURPOSE, LEASE_FOR)) as held:

            def still_there(line: str) -> None:
                held.renew()
                tell(line)

            build_schema(get_placement(tenant_id).to_scope(), tell=still_there)
            run_steps_of(
                tenant_id,
                archive_settings().arrival_steps,
                request,
                tell=still_there,
                failure=lambda why: ReattachFailed(tenant_id, plan.slug, why=why),
            )
    except _STOPS as error:
        raise ReattachFailed(tenant_id, plan.slug, why=without_rows(error)) from error
    return plan


def _plan(tenant_id: str, request: ProvisionRequest) -> tuple[Reattachment, Copy | None]:
    """What is to be done; no copy where it is known already."""
    if not TENANT_ID_PATTERN.fullmatch(tenant_id):
        raise InvalidRequest(f"{tenant_id[:80]!r} is no tenant's id, such as t0k3f9amq2.")
    hosts = asking.check_request(request)
    check_plan(request.plan)
    tenant = Tenant.objects.using(CONTROL).filter(id=tenant_id).first()
    if tenant is not None:
        made = Provisioning.objects.using(CONTROL).filter(tenant=tenant).first()
        if tenant.slug != request.slug or made is None or made.asked != _asked(tenant_id):
            raise NotForgotten(tenant_id, f"control knows it, as {tenant.slug!r}.")
        if tenant.state == TenantState.DELETED:
            raise NotForgotten(tenant_id, "it is deleted since: manage.py restore_tenant.")
        shard = get_placement(tenant_id).shard_id
        return Reattachment(tenant_id, tenant.slug, hosts, shard, known=True), None
    taken = Tenant.objects.using(CONTROL).filter(slug=request.slug).first()
    if taken is not None:
        raise SlugTaken(request.slug, taken.id)
    asking.check_free(request.slug, hosts, heir_of=tenant_id)
    _check_id(tenant_id, request.slug)
    copy = only_copy(
        tenant_id,
        _look_everywhere(tenant_id),
        {server.name: server.incarnation for server in registry().shards.values()},
    )
    if not Shard.objects.using(CONTROL).filter(name=copy.shard).exists():
        raise NotForgotten(
            tenant_id,
            f"control has forgotten its shard too: first manage.py add_shard {copy.shard}.",
        )
    return Reattachment(tenant_id, request.slug, hosts, copy.shard, known=False), copy


def _asked(tenant_id: str) -> dict[str, str]:
    """What tells its journal from all that create_tenant, import_tenant and others ask for."""
    return {"reattached": tenant_id}


def _check_id(tenant_id: str, slug: str) -> None:
    """Look whether control remembers something of this id.

    Raises:
        NotForgotten: it does, and what it remembers stands in the way.
    """
    if Placement.objects.using(CONTROL).filter(tenant_id=tenant_id).exists():
        raise NotForgotten(
            tenant_id, "control has its placement, and no tenant: see manage.py check_drift."
        )
    role = ReservedRole.objects.using(CONTROL).filter(name=tenant_id).first()
    if role is not None and role.placed_at is not None:
        raise NotForgotten(
            tenant_id, "control remembers that it was a tenant's that is gone: it was deleted."
        )
    if role is not None and role.used_by not in ("", WITHHELD, slug):
        raise NotForgotten(tenant_id, f"control has just given this id to {role.used_by!r}.")


def _look_everywhere(tenant_id: str) -> list[ShardSeen]:
    # Shards that control has forgotten are asked too, and those that this machine has no address of
    # are known not to be known.
    addresses = registry().shards
    named = Shard.objects.using(CONTROL).values_list("name", flat=True)
    servers = {name: addresses.get(name) for name in {*named, *addresses}}
    return look_at_shards(servers, schemas=[tenant_id])


def _make_known(plan: Reattachment, request: ProvisionRequest, copy: Copy, reason: str) -> None:
    told = {"slug": plan.slug, "hosts": list(plan.hosts), "shard": copy.shard, "reason": reason}
    try:
        with transaction.atomic(using=CONTROL, durable=True):
            RetiredSlug.objects.using(CONTROL).filter(slug=plan.slug).delete()
            tenant = Tenant(
                id=plan.tenant_id,
                schema_name=plan.tenant_id,
                slug=plan.slug,
                name=request.name or plan.slug,
                plan=check_plan(request.plan),
                state=TenantState.SUSPENDED,
            )
            tenant.save(using=CONTROL, force_insert=True)
            for host in plan.hosts:
                domain = Domain(domain=host, tenant=tenant, is_primary=host == plan.hosts[0])
                domain.save(using=CONTROL, force_insert=True)
            reattach_placement(
                plan.tenant_id,
                copy.shard,
                opened_epoch=copy.epoch,
                token=copy.token,
                used_by=plan.slug,
            )
            Provisioning.objects.using(CONTROL).create(
                tenant=tenant, state=ProvisionState.DONE, asked=_asked(plan.tenant_id)
            )
            record_audit("tenant.reattach", plan.tenant_id, after=told)
            announce_change(plan.tenant_id)
    except IntegrityError as error:
        raise NotForgotten(
            plan.tenant_id, "somebody took the id, the slug or a host just now; look again."
        ) from error
