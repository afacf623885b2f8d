"""Tenants of one small table on the shared shards, known to control, and taken away again."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.db import connections
from psycopg import sql

from sharding import scope
from sharding.placements.models import Placement, ReservedRole
from sharding.placements.services.placing import create_placement, set_placement_state
from sharding.placements.services.reserving import reserve_tenant_id
from sharding.placements.states import PlacementState
from sharding.rebalance.models import KeptApart, Pin, TenantRate, TenantSize, TenantUse
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from sharding.schemas.services.create_schema import create_schema, open_schema
from sharding.schemas.services.drop_schema import drop_schema
from sharding.schemas.services.furnish import furnish

CONTROL = "control"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Small:
    """A tenant that is a schema with one table, and a placement."""

    id: str
    shard: str

    @property
    def place(self) -> scope.Placement:
        return Placement.objects.using(CONTROL).get(tenant_id=self.id).to_scope()

    def do(self, statement: str, *values: object) -> None:
        """As the owner, in its schema; the server's counters are told at once."""
        with own_connection(registry.shard(self.shard)) as own:
            with own.transaction():
                path = sql.SQL("SET LOCAL search_path TO {}")
                own.execute(path.format(sql.Identifier(self.id)))
                own.execute(statement, values)
            own.execute("SELECT pg_stat_force_next_flush()")

    def write(self, rows: int) -> None:
        self.do("INSERT INTO note (x) SELECT repeat('x', 1000) FROM generate_series(1, %s)", rows)


@pytest.fixture(autouse=True)
def _ready(stack_ready) -> Iterator[None]:
    yield
    connections.close_all()


@pytest.fixture
def new_tenant(stack_ready) -> Iterator[object]:
    made: list[Small] = []

    def new(shard: str = "alpha") -> Small:
        tenant_id = reserve_tenant_id(shard, used_by=f"rebalance tests {next(_numbers)}")
        create_placement(tenant_id, shard)
        server = registry.shard(shard)
        create_schema(server, tenant_id)
        tenant = Small(tenant_id, shard)
        made.append(tenant)
        with own_connection(server) as own, own.transaction():
            path = sql.SQL("SET LOCAL search_path TO {}")
            own.execute(path.format(sql.Identifier(tenant_id)))
            own.execute("CREATE TABLE note (id bigserial PRIMARY KEY, x text)")
            furnish(own.execute, tenant_id)
            open_schema(own, tenant_id, epoch=1)
        set_placement_state(tenant_id, PlacementState.READY)
        return tenant

    yield new
    ids = [tenant.id for tenant in made]
    for tenant in made:
        drop_schema(registry.shard(tenant.shard), tenant.id)
        with own_connection(registry.shard(tenant.shard)) as own:
            own.execute("DELETE FROM atoll.tenant_schema WHERE schema = %s", (tenant.id,))
    Placement.objects.using(CONTROL).filter(tenant_id__in=ids).delete()
    ReservedRole.objects.using(CONTROL).filter(name__in=ids).delete()
    for model in (TenantRate, TenantSize, TenantUse, Pin, KeptApart):
        model.objects.using(CONTROL).filter(tenant_id__in=ids).delete()
