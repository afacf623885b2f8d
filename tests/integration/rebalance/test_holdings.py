"""What placing new tenants is told of the shards."""

from datetime import timedelta

import pytest
from django.utils import timezone

from sharding.placements import ports
from sharding.placements.scoring import Held
from sharding.rebalance.models import TenantRate, TenantSize
from sharding.rebalance.services.holdings import measured_holdings
from sharding.rebalance.services.loads import loads

CONTROL = "control"


def held(shard: str) -> Held:
    return measured_holdings().get(shard, Held())


def test_sizes_and_smoothed_loads_are_summed_by_the_shard_that_control_says(new_tenant):
    before = held("alpha")
    known, unknown = new_tenant(), new_tenant()
    # What was measured elsewhere goes with the tenant until it is measured here.
    TenantSize.objects.using(CONTROL).create(tenant_id=known.id, shard="beta", bytes=5_000_000)
    TenantSize.objects.using(CONTROL).create(tenant_id=unknown.id, shard="alpha")
    TenantRate.objects.using(CONTROL).create(
        tenant_id=known.id,
        seen_since=timezone.now() - timedelta(days=700),
        day_statements=0.25,
        week_statements=0.5,
    )
    after = held("alpha")
    assert after.bytes - before.bytes == 5_000_000
    assert after.measured - before.measured == 1
    assert after.load - before.load == pytest.approx(0.5)
    assert loads(timezone.now())[known.id] == pytest.approx(0.5), "the planner is told the same"


def test_a_mean_that_has_just_begun_is_no_small_one(new_tenant):
    before = held("alpha").load
    tenant = new_tenant()
    TenantSize.objects.using(CONTROL).create(tenant_id=tenant.id, shard="alpha", bytes=1)
    TenantRate.objects.using(CONTROL).create(
        tenant_id=tenant.id, seen_since=timezone.now(), day_statements=0.003468, week_statements=0
    )
    assert held("alpha").load - before == pytest.approx(1.0, rel=0.01)
    assert loads(timezone.now())[tenant.id] == pytest.approx(1.0, rel=0.01)


def test_placing_asks_for_it():
    assert ports.holdings is measured_holdings
