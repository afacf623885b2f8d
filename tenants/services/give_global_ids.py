"""Give the content types and permissions of tenants that are older the ids that all others have."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import psycopg
from django.db import DatabaseError, transaction

from migrations_tools.errors import MigrationToolsError
from migrations_tools.ids.services.allocate import allocate_known
from migrations_tools.ids.services.renumber import renumber
from sharding.moves.services.journal import live_move_of
from sharding.placements.errors import PlacementError
from sharding.placements.models import CONTROL, Placement
from sharding.placements.services.audit import record_audit
from sharding.placements.services.dead_holders import free_of_the_dead
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import get_placement, renew_generation
from sharding.placements.services.reference import bring_newest
from sharding.placements.services.shards import shards_named
from sharding.placements.states import PlacementState
from sharding.pools.outages import without_rows
from sharding.registry import current as addresses
from sharding.registry.errors import RegistryError
from sharding.schemas.connections import Connection, Patience, own_connection
from sharding.schemas.errors import SchemaError
from sharding.schemas.services.markers import read_marker
from sharding.schemas.services.renumber import Renumbering
from sharding.schemas.services.wrong_ids import wrong_ids
from sharding.schemas.types import Phase
from tenants.directory.changes import announce_change
from tenants.errors import TenantError
from tenants.models import Tenant
from tenants.services.finding import find_tenant

PURPOSE: Final = "give_global_ids"
PATIENCE: Final = Patience(statement=timedelta(minutes=10), lock=timedelta(seconds=5))
"""A hundred thousand rows that follow take seconds; what waits for tenants' locks gives up."""
LEASE_FOR: Final = timedelta(minutes=15)
"""Longer than the longest statement, since nothing can renew it meanwhile."""

EXPECTED: Final = (
    MigrationToolsError,
    PlacementError,
    RegistryError,
    SchemaError,
    TenantError,
    DatabaseError,
    psycopg.Error,
)
"""What one tenant may fail with while the others go on."""

Tell = Callable[["Given"], None]


@dataclass(frozen=True, slots=True)
class Given:
    """What became of one tenant.

    Attributes:
        wrong: ids that were, or in a dry run are, not as control has them.
        content_types, permissions: how many got another id.
        rows: of other tables that followed.
        local: names that control does not know; they keep ids of the tenant's own.
        skipped: why it was left alone; empty when it was not.
        error: why it failed; empty when it did not.
    """

    tenant_id: str
    slug: str
    shard: str
    wrong: int = 0
    content_types: int = 0
    permissions: int = 0
    rows: int = 0
    local: tuple[str, ...] = ()
    skipped: str = ""
    error: str = ""


def select_tenants(names: Collection[str], *, shards: Collection[str] = ()) -> list[Tenant]:
    """The tenants of these slugs or ids, and on these shards; all of them when neither is given.

    Raises:
        UnknownSlug, NoSuchShard: nothing was changed.
    """
    rows = Tenant.objects.using(CONTROL).order_by("slug")
    if names:
        rows = rows.filter(id__in=[find_tenant(name).id for name in names])
    if shards:
        there = Placement.objects.using(CONTROL).filter(shard_id__in=shards_named(shards))
        rows = rows.filter(id__in=there.values("tenant_id"))
    return list(rows)


def give_global_ids(tenants: Collection[Tenant], *, dry_run: bool = False) -> Iterator[Given]:
    """Bring each tenant's ids to those that control has, and yield what became of it.

    Names of the code's models get ids first. A tenant that fails is reported, and the next one is
    taken; one whose ids are right is only looked at.

    Locks: each tenant's lease in turn.
    Transaction: one per tenant, on its shard; on control several. Forbids an open one there.
    Idempotent: cut off anywhere, a tenant has all of its new ids or none.
    """
    allocate_known(publish=False, dry_run=dry_run)
    brought: set[str] = set()
    for tenant in tenants:
        shard = ""
        try:
            placement = get_placement(tenant.id)
            shard = placement.shard_id
            if placement.state != PlacementState.READY:
                why = f"its placement is {placement.state}"
                yield Given(tenant.id, tenant.slug, shard, skipped=why)
                continue
            if not dry_run and shard not in brought:
                bring_newest(addresses.shard(shard))
                brought.add(shard)
            yield _look(tenant, shard) if dry_run else _give(tenant)
        except EXPECTED as error:
            yield Given(tenant.id, tenant.slug, shard, error=without_rows(error))


def _look(tenant: Tenant, shard: str) -> Given:
    if why := _moves(tenant):
        return Given(tenant.id, tenant.slug, shard, skipped=why)
    schema = get_placement(tenant.id).schema
    with own_connection(addresses.shard(shard), PATIENCE) as connection:
        found = len(wrong_ids(connection, schema))
    return Given(tenant.id, tenant.slug, shard, wrong=found)


def _give(tenant: Tenant) -> Given:
    with free_of_the_dead(lease(tenant.id, PURPOSE, LEASE_FOR)):
        now = get_placement(tenant.id)
        shard, schema = now.shard_id, now.schema
        if why := _moves(tenant):
            return Given(tenant.id, tenant.slug, shard, skipped=why)
        with own_connection(addresses.shard(shard), PATIENCE) as connection:
            if why := _unfit(connection, schema):
                return Given(tenant.id, tenant.slug, shard, skipped=why)
            found = len(wrong_ids(connection, schema))
            if not found:
                return Given(tenant.id, tenant.slug, shard)
            with connection.transaction():
                done = renumber(connection, schema)
                # Before the shard's commit, so that no crash leaves new ids and old caches behind;
                # and after it, for a process that looked in between.
                if not done.is_empty:
                    _forget_caches(tenant.id)
            if not done.is_empty:
                _forget_caches(tenant.id, done)
    return Given(
        tenant.id,
        tenant.slug,
        shard,
        wrong=found,
        content_types=done.content_types,
        permissions=done.permissions,
        rows=done.rows,
        local=done.local,
    )


def _moves(tenant: Tenant) -> str:
    """The triggers that give ids do not travel to the copy that a move may go back to."""
    move = live_move_of(tenant.id)
    return "" if move is None else f"its move {move.pk} is {move.state}"


def _unfit(connection: Connection, schema: str) -> str:
    marker = read_marker(connection, schema)
    if marker is None:
        return "its schema is not there"
    return "" if marker.phase is Phase.ACTIVE else f"its schema is {marker.phase}"


def _forget_caches(tenant_id: str, done: Renumbering | None = None) -> None:
    """Content types are cached by tenant and epoch, pages by generation: both get new ones."""
    with transaction.atomic(using=CONTROL, durable=True):
        renew_generation(tenant_id)
        if done is not None:
            changed = {
                "content_types": done.content_types,
                "permissions": done.permissions,
                "rows": done.rows,
            }
            record_audit("tenant.global_ids", tenant_id, after=changed)
        announce_change(tenant_id)
