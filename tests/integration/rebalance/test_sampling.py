"""What a round reads of a shard: rows written, sizes of what has grown, and nothing twice."""

from dataclasses import replace

import psycopg
import pytest

from sharding.placements.models import Placement
from sharding.rebalance.models import ShardLook, TenantSize, TenantUse
from sharding.rebalance.services.sampling import sample_shard
from sharding.registry import current as registry
from sharding.registry.types import Endpoint
from sharding.schemas.connections import own_connection
from sharding.schemas.errors import ServerUnreachable

CONTROL = "control"
SIZE = """
    SELECT sum(pg_total_relation_size(oid)) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = to_regnamespace(%s)
"""


def kept(tenant) -> TenantSize:
    return TenantSize.objects.using(CONTROL).get(tenant_id=tenant.id)


def written(tenant) -> int:
    uses = TenantUse.objects.using(CONTROL).filter(tenant_id=tenant.id)
    return sum(use.rows_written for use in uses)


def size_of(tenant) -> int:
    with own_connection(registry.shard(tenant.shard)) as own:
        return own.execute(SIZE, [tenant.id]).fetchone()[0]


def test_a_tenant_is_measured_when_it_is_first_seen_and_counted_from_then_on(new_tenant):
    tenant = new_tenant()
    tenant.write(100)
    sample = sample_shard("alpha")
    assert sample.sized >= 1
    assert kept(tenant).bytes == size_of(tenant)
    assert written(tenant) == 0, "nobody knows since when those are there"
    tenant.write(500)
    sample_shard("alpha")
    assert written(tenant) == 500
    assert kept(tenant).rows >= 600
    assert kept(tenant).bytes == size_of(tenant)
    look = ShardLook.objects.using(CONTROL).get(shard="alpha")
    assert look.schemas >= 1


def test_only_what_has_grown_is_measured_again(new_tenant):
    idle, busy = new_tenant(), new_tenant()
    sample_shard("alpha")
    before = kept(idle)
    busy.write(300)
    sample_shard("alpha")
    after = kept(idle)
    assert (after.sized_at, after.bytes) == (before.sized_at, before.bytes)
    assert kept(busy).bytes == size_of(busy)


def test_a_round_measures_no_more_than_it_may_and_the_next_goes_on(new_tenant, settings):
    tenants = [new_tenant() for _ in range(3)]
    settings.ATOLL_SIZED_AT_ONCE = 1
    first = sample_shard("alpha")
    assert (first.sized, first.waiting >= 2) == (1, True)
    settings.ATOLL_SIZED_AT_ONCE = 1000
    second = sample_shard("alpha")
    assert second.waiting == 0
    assert all(kept(tenant).bytes for tenant in tenants)


def test_a_table_that_somebody_keeps_to_themselves_holds_up_nobody_else(new_tenant):
    locked, free = new_tenant(), new_tenant()
    with psycopg.connect(**own(registry.shard("alpha"))) as holder:
        holder.execute(psycopg.sql.SQL("LOCK TABLE {}").format(note_of(locked)))
        sample = sample_shard("alpha")
        assert kept(free).bytes == size_of(free)
        assert kept(locked).bytes is None
        assert sample.waiting >= 1
    sample_shard("alpha")
    assert kept(locked).bytes == size_of(locked)


def test_counters_that_began_anew_count_nothing_and_have_it_measured_again(new_tenant):
    tenant = new_tenant()
    tenant.write(50)
    sample_shard("alpha")
    rows = TenantSize.objects.using(CONTROL).filter(tenant_id=tenant.id)
    rows.update(generation="of before the crash", counted=10_000, bytes=1)
    sample_shard("alpha")
    assert written(tenant) == 0
    assert kept(tenant).bytes == size_of(tenant)
    assert kept(tenant).generation != "of before the crash"


def test_after_a_move_it_is_counted_anew_and_is_as_large_as_it_was_until_it_is_measured(
    new_tenant, settings
):
    tenant = new_tenant()
    tenant.write(50)
    sample_shard("alpha")
    TenantSize.objects.using(CONTROL).filter(tenant_id=tenant.id).update(
        shard="beta", counted=0, bytes=123_456
    )
    Placement.objects.using(CONTROL).filter(tenant_id=tenant.id).update(arrived_epoch=7)
    settings.ATOLL_SIZED_AT_ONCE = 1
    with own_connection(registry.shard("alpha")) as holder, holder.transaction():
        # It cannot be measured in this round.
        holder.execute(psycopg.sql.SQL("LOCK TABLE {}").format(note_of(tenant)))
        sample_shard("alpha")
        assert (kept(tenant).shard, kept(tenant).bytes) == ("alpha", 123_456)
    assert written(tenant) == 0, "rows that were copied are not written by the tenant"
    settings.ATOLL_SIZED_AT_ONCE = 1000
    sample_shard("alpha")
    assert kept(tenant).bytes == size_of(tenant)


def test_a_shard_that_is_away_changes_nothing(new_tenant):
    tenant = new_tenant()
    sample_shard("alpha")
    before = kept(tenant)
    looked = ShardLook.objects.using(CONTROL).get(shard="alpha").at
    used = registry.registry()
    gone = replace(used.shards["alpha"], direct=Endpoint("127.0.0.1", 1, "shard"))
    registry.install(replace(used, shards={**used.shards, "alpha": gone}))
    try:
        with pytest.raises(ServerUnreachable):
            sample_shard("alpha")
    finally:
        registry.install(used)
    assert kept(tenant).sized_at == before.sized_at
    assert ShardLook.objects.using(CONTROL).get(shard="alpha").at == looked


def own(server) -> dict[str, object]:
    return server.direct.parameters(server.own)


def note_of(tenant) -> psycopg.sql.Identifier:
    return psycopg.sql.Identifier(tenant.id, "note")
