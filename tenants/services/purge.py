"""Purge a deleted tenant: its schema, its files, what others know of it, its rows in control.

What is done is journaled (`Purge`), so that the next run goes on where the last one ended, however
it ended. From the first step on there is no way back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, cast

import psycopg
from django.core.files.storage import default_storage
from django.db import DatabaseError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from sharding import scope
from sharding.moves.services.journal import live_move_of
from sharding.placements.errors import NoSuchPlacement, PlacementError
from sharding.placements.services.audit import record_audit
from sharding.placements.services.dead_holders import free_of_the_dead
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import (
    delete_placement,
    get_placement,
    set_placement_state,
)
from sharding.placements.states import PlacementState
from sharding.pools.outages import without_rows
from sharding.registry import current as addresses
from sharding.registry.errors import RegistryError
from sharding.schemas.errors import SchemaError
from sharding.schemas.services.drop_schema import drop_schema
from tenants.conf import tenant_settings
from tenants.directory.changes import announce_change
from tenants.errors import UnknownSlug, WrongTenantState
from tenants.models import CONTROL, Domain, Purge, RetiredSlug, Tenant
from tenants.services import purge_journal
from tenants.services.errors import PurgeFailed, PurgeNotDue
from tenants.services.finding import find_tenant
from tenants.services.steps import run_steps
from tenants.states import PurgeState, TenantState
from tenants.storage import TenantStorage

PURPOSE: Final = "purge"
LEASE_FOR: Final = timedelta(seconds=60)
"""Longer than dropping waits for a lock that somebody holds; renewed per batch of tables."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class PurgedTenant:
    """Who is gone: what a step of TENANT_PURGE_STEPS is told."""

    tenant_id: str
    slug: str
    name: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PurgeReceipt:
    """What a purge did.

    Attributes:
        tables: dropped in this run.
        files: deleted in this run.
    """

    tenant_id: str
    slug: str
    shard: str
    tables: int
    files: int

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {name: getattr(self, name) for name in self.__slots__}


_STOPS: Final = (DatabaseError, psycopg.Error, PlacementError, RegistryError, SchemaError, OSError)
"""What a purge may stop with, to be finished by the next run."""


def silent(line: str) -> None:
    """Tell nobody."""


def purge_tenant(name: str, *, early: bool = False, tell: Tell = silent) -> PurgeReceipt:
    """Drop all that a deleted tenant has, and forget it. Its id and role are used up.

    `early`: although its grace is not over; a person has said so.

    Locks: the tenant's lease, while it works; the tenant's row, as it begins.
    Transaction: opens its own on control and many on the shard; forbids an open one.
    Idempotent: a purge that was cut off anywhere is finished by the next one.

    Raises:
        UnknownSlug: there is no such tenant (any more).
        WrongTenantState: it is not deleted, or a move of it has not ended.
        PurgeNotDue: its grace is not over.
        PurgeFailed: it has stopped on its way, journaled; run it again.
    """
    tenant = find_tenant(name)
    if tenant.state != TenantState.DELETED:
        raise WrongTenantState(tenant.slug, found=tenant.state, wanted="purged")
    try:
        with free_of_the_dead(lease(tenant.id, PURPOSE, LEASE_FOR)) as held:

            def still_there(line: str) -> None:
                held.renew()
                tell(line)

            done = _begin(tenant, early=early)
            return _purge(tenant, done, still_there)
    except NoSuchPlacement as error:
        # Another run came to its end while we asked for the lease.
        raise UnknownSlug(name) from error
    except _STOPS as error:
        why = without_rows(error)
        purge_journal.note_error(tenant.id, why)
        raise PurgeFailed(tenant.slug, state=_how_far(tenant.id), why=why) from error


def _how_far(tenant_id: str) -> str:
    try:
        return purge_journal.read(tenant_id) or "not begun"
    except DatabaseError:
        return "as far as it was"


def _begin(tenant: Tenant, *, early: bool) -> PurgeState:
    """The point of no return: whoever restores the tenant now comes before, or too late."""
    tenants = Tenant.objects.using(CONTROL).filter(id=tenant.id)
    with transaction.atomic(using=CONTROL, durable=True):
        row = tenants.select_for_update().first()
        if row is None:
            raise NoSuchPlacement(tenant.id)
        begun = purge_journal.read(tenant.id)
        if begun is not None:
            return begun
        if row.state != TenantState.DELETED:
            raise WrongTenantState(row.slug, found=row.state, wanted="purged")
        if live_move_of(tenant.id) is not None:
            # It has another copy somewhere, which only the move's own end takes away.
            raise WrongTenantState(row.slug, found="on its way to another shard", wanted="purged")
        if not early and not tenants.filter(purge_after__lte=Now()).exists():
            raise PurgeNotDue(row.slug, purge_after=row.purge_after)
        set_placement_state(tenant.id, PlacementState.DROPPING)
        Purge.objects.using(CONTROL).create(tenant=row)
        record_audit("tenant.purge.begin", tenant.id, before=_facts(row), after={"early": early})
        announce_change(tenant.id)
    return PurgeState.BEGUN


def _purge(tenant: Tenant, done: PurgeState, tell: Tell) -> PurgeReceipt:
    """Do what is left to do, one journaled state after the other."""
    place = get_placement(tenant.id).to_scope()
    tables = files = 0
    if done is PurgeState.BEGUN:
        tell(f"dropping schema {place.schema} on {place.shard}")
        tables = drop_schema(addresses.shard(place.shard), place.schema, tell=tell).tables
        done = purge_journal.advance(tenant.id, PurgeState.DROPPED)
    if done is PurgeState.DROPPED:
        tell("deleting its files")
        with scope.enter(place):
            files = cast(TenantStorage, default_storage).delete_all(tell=tell)
        _run_steps(tenant, tell)
        done = purge_journal.advance(tenant.id, PurgeState.CLEARED)
    tell(f"forgetting {tenant.slug}")
    _forget(tenant)
    return PurgeReceipt(tenant.id, tenant.slug, place.shard, tables, files)


def _run_steps(tenant: Tenant, tell: Tell) -> None:
    def failure(why: str) -> PurgeFailed:
        purge_journal.note_error(tenant.id, why)
        return PurgeFailed(tenant.slug, state=PurgeState.DROPPED, why=why)

    told = PurgedTenant(tenant.id, tenant.slug, tenant.name, _hosts(tenant))
    run_steps(tenant_settings().purge_steps, told, place=None, tell=tell, failure=failure)


def _forget(tenant: Tenant) -> None:
    until = timezone.now() + tenant_settings().quarantine
    with transaction.atomic(using=CONTROL, durable=True):
        announce_change(tenant.id, hosts=_hosts(tenant))
        record_audit(
            "tenant.purge",
            tenant.id,
            before=_facts(tenant),
            after={"slug_rests_until": until.isoformat()},
        )
        RetiredSlug.objects.using(CONTROL).update_or_create(
            # There is a row where it was an heir: the slug rests for that one.
            slug=tenant.slug,
            defaults={"until": until},
            create_defaults={"tenant_id": tenant.id, "until": until},
        )
        delete_placement(tenant.id)
        Tenant.objects.using(CONTROL).get(id=tenant.id).delete(using=CONTROL)


def _hosts(tenant: Tenant) -> tuple[str, ...]:
    domains = Domain.objects.using(CONTROL).filter(tenant=tenant).order_by("-is_primary", "domain")
    return tuple(domains.values_list("domain", flat=True))


def _facts(tenant: Tenant) -> dict[str, object]:
    return {
        "slug": tenant.slug,
        "name": tenant.name,
        "hosts": list(_hosts(tenant)),
        "shard": get_placement(tenant.id).shard_id,
        "deleted_at": tenant.deleted_at.isoformat() if tenant.deleted_at else None,
    }
