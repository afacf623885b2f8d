"""Bring a deleted tenant back, while its data is kept."""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

import psycopg
from django.db import DatabaseError, transaction

from migrations_tools.errors import MigrationToolsError
from migrations_tools.services.build_schema import build_schema
from sharding.placements.errors import PlacementError
from sharding.placements.services.audit import record_audit
from sharding.placements.services.dead_holders import free_of_the_dead
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import get_placement
from sharding.pools.outages import without_rows
from sharding.registry.errors import RegistryError
from sharding.schemas.errors import SchemaError
from tenants.directory.changes import announce_change
from tenants.errors import WrongTenantState
from tenants.models import CONTROL, Tenant
from tenants.services import purge_journal
from tenants.services.errors import PurgeBegun, RestoreFailed
from tenants.services.finding import find_tenant
from tenants.states import TenantState

PURPOSE: Final = "restore"
LEASE_FOR: Final = timedelta(seconds=60)

_STOPS: Final = (
    DatabaseError,
    psycopg.Error,
    MigrationToolsError,
    PlacementError,
    RegistryError,
    SchemaError,
)


def silent(line: str) -> None:
    """Tell nobody."""


def plan_restoration(name: str) -> tuple[Tenant, TenantState]:
    """The tenant, and the state that `restore_tenant` would bring it into. Changes nothing.

    Raises:
        UnknownSlug: there is no such tenant.
        WrongTenantState: it is still being made.
        PurgeBegun: it is too late.
    """
    tenant = find_tenant(name)
    found = TenantState(tenant.state)
    if found is TenantState.PROVISIONING:
        raise WrongTenantState(tenant.slug, found=found, wanted="restored")
    if found is not TenantState.DELETED:
        return tenant, found
    if purge_journal.read(tenant.id) is not None:
        raise PurgeBegun(tenant.slug)
    return tenant, TenantState(tenant.restored_as or TenantState.ACTIVE)


def restore_tenant(name: str, *, reason: str = "", tell: Callable[[str], None] = silent) -> Tenant:
    """Let a deleted tenant be again what it was: served, or suspended.

    Its schema is first brought to the state of the code, since migrations of the meantime may have
    left it out. Its sessions, tokens and files are as they were.

    Locks: the tenant's lease, and then its row.
    Transaction: opens its own on control and on the shard; forbids an open one.
    Idempotent: a tenant that is not deleted is left as it is.

    Raises:
        UnknownSlug, WrongTenantState, PurgeBegun: nothing was changed.
        RestoreFailed: it stays deleted; run it again.
    """
    tenant, to = plan_restoration(name)
    if tenant.state == to:
        return tenant
    try:
        with free_of_the_dead(lease(tenant.id, PURPOSE, LEASE_FOR)) as held:

            def still_there(line: str) -> None:
                held.renew()
                tell(line)

            # Somebody may have begun to purge it before we had the lease.
            tenant, to = plan_restoration(tenant.id)
            if tenant.state == to:
                return tenant
            build_schema(get_placement(tenant.id).to_scope(), tell=still_there)
            held.renew()
            return _open(tenant.id, reason)
    except _STOPS as error:
        raise RestoreFailed(tenant.slug, why=without_rows(error)) from error


def _open(tenant_id: str, reason: str) -> Tenant:
    tenants = Tenant.objects.using(CONTROL).filter(id=tenant_id)
    with transaction.atomic(using=CONTROL, durable=True):
        tenant: Tenant = tenants.select_for_update().get()
        before = {
            "state": str(tenant.state),
            "purge_after": tenant.purge_after.isoformat() if tenant.purge_after else None,
        }
        tenant.state = TenantState(tenant.restored_as or TenantState.ACTIVE)
        tenant.deleted_at = tenant.purge_after = None
        tenant.restored_as = ""
        tenant.save(
            using=CONTROL, update_fields=["state", "deleted_at", "purge_after", "restored_as"]
        )
        record_audit(
            "tenant.restore",
            tenant.id,
            before=before,
            after={"state": str(tenant.state), "reason": reason},
        )
        announce_change(tenant.id)
    return tenant
