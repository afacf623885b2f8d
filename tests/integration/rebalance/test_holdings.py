"""What placing new tenants is told of the shards."""

import threading
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.utils import timezone

from sharding.placements import ports
from sharding.placements.models import Placement, Shard
from sharding.placements.scoring import Held
from sharding.placements.services import choosing
from sharding.rebalance.models import ShardHolding, TenantRate, TenantSize, UseClock
from sharding.rebalance.services.history import keep_history
from sharding.rebalance.services.holdings import keep_holdings, measured_holdings
from sharding.rebalance.services.loads import loads

CONTROL = "control"


@pytest.fixture(autouse=True)
def _nothing_kept(stack_ready):
    for model in (ShardHolding, UseClock):
        model.objects.using(CONTROL).all().delete()
    yield
    for model in (ShardHolding, UseClock):
        model.objects.using(CONTROL).all().delete()


def held(shard: str) -> Held:
    return measured_holdings().shards.get(shard, Held())


def placed(shard: str) -> int:
    """How many tenants whoever chooses a shard takes it to have."""
    known = measured_holdings()
    return known.shards[shard].tenants + choosing._placed_since(known.counted_until).get(shard, 0)


def there(shard: str) -> int:
    return Placement.objects.using(CONTROL).filter(shard_id=shard).count()


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


def test_what_is_kept_is_what_would_be_summed_up_and_the_young_are_counted(new_tenant):
    for each in (new_tenant(), new_tenant("beta")):
        TenantSize.objects.using(CONTROL).create(tenant_id=each.id, shard=each.shard, bytes=7)
    at_once = measured_holdings()
    assert not ShardHolding.objects.using(CONTROL).exists()
    keep_holdings()
    kept = measured_holdings()
    for shard, summed in at_once.shards.items():
        known = kept.shards[shard]
        assert (known.bytes, known.measured) == (summed.bytes, summed.measured)
        # Means fade with the clock.
        assert known.load == pytest.approx(summed.load, rel=0.01)
        assert placed(shard) == there(shard)
    before = there("alpha")
    later = new_tenant()
    TenantSize.objects.using(CONTROL).create(tenant_id=later.id, shard="alpha", bytes=10**9)
    assert placed("alpha") == there("alpha") == before + 1
    assert held("alpha").bytes == kept.shards["alpha"].bytes, "as kept, until use is folded again"
    keep_holdings()
    assert held("alpha").bytes == kept.shards["alpha"].bytes + 10**9


def test_a_tenant_whose_place_is_not_committed_while_others_are_counted_is_counted_later(
    new_tenant,
):
    new_tenant()
    before, written, kept = there("alpha"), threading.Event(), threading.Event()

    def sign_up() -> None:
        try:
            with transaction.atomic(using=CONTROL):
                Placement.objects.using(CONTROL).create(
                    tenant_id="tholdrace1", shard_id="alpha", schema="tholdrace1"
                )
                written.set()
                kept.wait(20)
        finally:
            connections.close_all()

    thread = threading.Thread(target=sign_up)
    thread.start()
    try:
        assert written.wait(20)
        keep_holdings()
        kept.set()
        thread.join()
        assert there("alpha") == before + 1
        assert placed("alpha") == before + 1
    finally:
        kept.set()
        thread.join()
        Placement.objects.using(CONTROL).filter(tenant_id="tholdrace1").delete()


def test_where_nobody_folds_use_all_is_summed_up(new_tenant):
    tenant = new_tenant()
    keep_holdings()
    TenantSize.objects.using(CONTROL).create(tenant_id=tenant.id, shard="alpha", bytes=10**9)
    before = held("alpha").bytes
    ShardHolding.objects.using(CONTROL).update(counted_until=timezone.now() - timedelta(minutes=22))
    assert held("alpha").bytes == before + 10**9
    assert placed("alpha") == there("alpha")


def test_they_are_kept_when_use_is_folded():
    keep_history()
    shards = set(ShardHolding.objects.using(CONTROL).values_list("shard", flat=True))
    assert shards == set(Shard.objects.using(CONTROL).values_list("name", flat=True))


def test_placing_asks_for_it():
    assert ports.holdings is measured_holdings
