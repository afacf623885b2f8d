"""Bring every tenant's schema to the state of the code, one after the other."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import psycopg
from django.db import DatabaseError

from migrations_tools.errors import MigrationToolsError
from migrations_tools.services.build_schema import build_schema
from sharding.placements.errors import PlacementError
from sharding.placements.models import CONTROL, Placement
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import get_placement
from sharding.placements.states import PlacementState
from sharding.registry.errors import RegistryError
from sharding.schemas.errors import SchemaError

EXPECTED = (
    MigrationToolsError,
    PlacementError,
    RegistryError,
    SchemaError,
    DatabaseError,
    psycopg.Error,
)
"""What one schema may fail with while the others go on."""


@dataclass(frozen=True, slots=True)
class SchemaResult:
    """What became of one schema.

    Attributes:
        migrations: applied now.
        skipped: why it was left alone; empty when it was not.
        error: why it failed; empty when it did not.
    """

    tenant_id: str
    shard: str
    migrations: tuple[str, ...] = ()
    skipped: str = ""
    error: str = ""


def select_placements(
    *, tenants: Collection[str] = (), shards: Collection[str] = ()
) -> list[Placement]:
    """The placements of these tenants, or on these shards; all when neither is given."""
    rows = Placement.objects.using(CONTROL).order_by("shard_id", "tenant_id")
    if tenants:
        rows = rows.filter(tenant_id__in=tenants)
    if shards:
        rows = rows.filter(shard_id__in=shards)
    return list(rows)


def migrate_all(
    placements: Collection[Placement], *, tell: Callable[[str], None]
) -> Iterator[SchemaResult]:
    """Migrate each schema under its tenant's lease and yield what became of it.

    A schema that is half made is left to the command that makes it. One that fails is reported,
    and the next one is taken.
    """
    brought: set[str] = set()
    for placement in placements:
        yield _migrate_one(placement, tell, brought)


def _migrate_one(
    placement: Placement, tell: Callable[[str], None], brought: set[str]
) -> SchemaResult:
    tenant_id, shard = placement.tenant_id, placement.shard_id
    if placement.state != PlacementState.READY:
        return SchemaResult(tenant_id, shard, skipped=f"its placement is {placement.state}")
    try:
        with lease(tenant_id, "migrate_schemas") as held:
            now = get_placement(tenant_id)
            if now.state != PlacementState.READY:
                return SchemaResult(tenant_id, shard, skipped=f"its placement is {now.state}")

            def step(name: str) -> None:
                held.renew()
                tell(f"{tenant_id} on {now.shard_id}: {name}")

            # Reference tables once per shard, not once per schema.
            built = build_schema(
                now.to_scope(), tell=step, with_reference=now.shard_id not in brought
            )
            brought.add(now.shard_id)
    except EXPECTED as error:
        return SchemaResult(tenant_id, shard, error=" ".join(str(error).split()))
    return SchemaResult(tenant_id, now.shard_id, migrations=built.migrations)
