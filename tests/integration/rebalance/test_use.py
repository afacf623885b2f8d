"""What tenants use: told to control by each process, folded into rates, kept for a while."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError

from sharding.pools.tenant_use import TenantUse as Counted
from sharding.rebalance.models import (
    BUCKET,
    KeptApart,
    Pin,
    TenantRate,
    TenantSize,
    TenantUse,
    UseClock,
)
from sharding.rebalance.services import history, telling_use
from sharding.rebalance.services.history import keep_history
from sharding.rebalance.services.loads import loads
from sharding.rebalance.services.telling_use import UseTeller
from sharding.rebalance.services.use import add_rows, add_use

CONTROL = "control"


@pytest.fixture(autouse=True)
def clock(stack_ready, monkeypatch):
    UseClock.objects.using(CONTROL).all().delete()
    # Five minutes that end in the middle of a test would be folded by it too.
    closed = closed_span(0) + BUCKET
    monkeypatch.setattr(history, "_closed", lambda: closed)
    yield
    UseClock.objects.using(CONTROL).all().delete()


def used(tenant, **more):
    return TenantUse.objects.using(CONTROL).filter(tenant_id=tenant.id, **more)


def rate(tenant) -> TenantRate:
    return TenantRate.objects.using(CONTROL).get(tenant_id=tenant.id)


def put(tenant, begins: datetime, **values: int) -> None:
    TenantUse.objects.using(CONTROL).create(tenant_id=tenant.id, begins=begins, **values)


def closed_span(back: int) -> datetime:
    """The beginning of five minutes that are over; `back` of them before the newest."""
    return history._closed() - BUCKET * (back + 1)


def test_two_processes_add_to_the_same_five_minutes(new_tenant):
    acme, other = new_tenant(), new_tenant()
    add_use({acme.id: Counted(3, 5, 0.25), other.id: Counted(1, 1, 0.001)})
    add_use({acme.id: Counted(1, 2, 0.5)})
    add_rows({acme.id: 40})
    rows = used(acme)
    assert sum(row.requests for row in rows) == 4
    assert sum(row.statements for row in rows) == 7
    assert sum(row.microseconds for row in rows) == 750_000
    assert sum(row.rows_written for row in rows) == 40
    # Two, if the clock went on in between.
    assert len(rows) <= 2


def test_what_control_does_not_take_is_told_with_the_next(new_tenant, monkeypatch):
    acme = new_tenant()
    teller = UseTeller()
    counted = {acme.id: Counted(2, 2, 0.5)}
    monkeypatch.setattr(telling_use, "take_tenant_use", lambda: dict(counted))

    def away(uses):
        raise DatabaseError("control is away")

    with monkeypatch.context() as patch:
        patch.setattr(telling_use, "add_use", away)
        teller.tell()
        teller.tell()
    assert not used(acme).exists()
    teller.tell()
    counted.clear()
    teller.tell()
    assert sum(row.requests for row in used(acme)) == 6
    assert sum(row.microseconds for row in used(acme)) == 1_500_000


def test_five_minutes_are_folded_once_and_the_mean_is_right_from_the_first_on(new_tenant):
    acme, idle = new_tenant(), new_tenant()
    begins = closed_span(1)
    UseClock.objects.using(CONTROL).create(folded_until=begins)
    put(acme, begins, requests=600, microseconds=150_000_000, rows_written=300)
    put(acme, begins + BUCKET, requests=600, microseconds=150_000_000, rows_written=300)
    assert keep_history().folded == 2
    assert keep_history().folded == 0
    day = 1 - math.exp(-10 / (24 * 60))
    assert rate(acme).day_requests == pytest.approx(2.0 * day)
    assert rate(acme).day_statements == pytest.approx(0.5 * day)
    assert rate(acme).day_rows == pytest.approx(1.0 * day)
    assert rate(idle).day_statements == 0
    now = begins + 2 * BUCKET
    assert loads(now)[acme.id] == pytest.approx(0.5)
    assert loads(now)[idle.id] == 0


def test_after_a_long_silence_the_means_have_fallen_as_far_as_they_would_have(new_tenant):
    acme = new_tenant()
    gap = timedelta(days=3)
    newest = closed_span(0)
    UseClock.objects.using(CONTROL).create(folded_until=newest - gap)
    since = newest - gap - timedelta(days=30)
    TenantRate.objects.using(CONTROL).create(
        tenant_id=acme.id, seen_since=since, day_statements=1.0, week_statements=1.0
    )
    keep_history()
    silent = (gap + BUCKET) / timedelta(hours=24)
    assert rate(acme).day_statements == pytest.approx(math.exp(-silent))
    assert rate(acme).week_statements == pytest.approx(math.exp(-silent / 7))


def test_old_use_is_summed_up_by_hours_and_older_still_is_forgotten(new_tenant):
    acme = new_tenant()
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=6)
    for minute in (0, 5, 55):
        put(acme, hour + timedelta(minutes=minute), requests=10, statements=4, microseconds=7)
    put(acme, hour - timedelta(days=30), minutes=60, requests=1)
    TenantSize.objects.using(CONTROL).create(tenant_id=acme.id, shard="alpha", bytes=4711)
    keep_history()
    (row,) = used(acme, begins__lt=hour + timedelta(hours=1))
    assert (row.minutes, row.begins, row.requests, row.statements) == (60, hour, 30, 12)
    assert (row.microseconds, row.bytes) == (21, 4711)


def test_what_is_kept_of_a_tenant_that_is_gone_is_forgotten(new_tenant):
    acme = new_tenant()
    TenantRate.objects.using(CONTROL).create(
        tenant_id="tgone0001", seen_since=closed_span(0), day_statements=1.0
    )
    TenantSize.objects.using(CONTROL).create(tenant_id="tgone0001", shard="alpha", bytes=1)
    Pin.objects.using(CONTROL).create(tenant_id="tgone0001", shard="alpha")
    Pin.objects.using(CONTROL).create(tenant_id=acme.id, shard="alpha")
    KeptApart.objects.using(CONTROL).create(tenant_id="tgone0001", group="brands")
    keep_history()
    for model in (TenantRate, TenantSize, Pin, KeptApart):
        assert not model.objects.using(CONTROL).filter(tenant_id="tgone0001").exists()
    assert Pin.objects.using(CONTROL).filter(tenant_id=acme.id).exists()
    assert rate(acme).day_statements == 0
