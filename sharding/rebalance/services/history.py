"""Keep a small history of what tenants use: fold it into rates, sum it up by hours, forget it.

What each shard's tenants cost together is kept with it (`sharding.rebalance.services.holdings`).

Five minutes are closed when they and half a minute are over: processes add by control's clock to
what is now, so nothing comes late, and a transaction that began before ends within that.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connections, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from sharding.placements.models import Placement
from sharding.rebalance.conf import rebalance_settings
from sharding.rebalance.models import (
    BUCKET,
    CONTROL,
    HOUR_MINUTES,
    KeptApart,
    Pin,
    TenantRate,
    TenantSize,
    TenantUse,
    UseClock,
)
from sharding.rebalance.services.holdings import keep_holdings
from sharding.rebalance.smoothing import DAY, WEEK, part_left, part_of_new

_CLOSED_AFTER: Final = timedelta(seconds=30)
_MOST_BUCKETS: Final = 288
"""One by one at most a day; what was not folded for longer only lets the means fall."""

_CLOSED: Final = "SELECT date_bin('5 minutes', now() - make_interval(secs => %s), 'epoch')"
_BEGIN: Final = """
    INSERT INTO rebalance_tenantrate (tenant_id, seen_since, day_requests, day_statements, day_rows,
                                      week_requests, week_statements, week_rows)
    SELECT placed.tenant_id, %(begins)s, 0, 0, 0, 0, 0, 0
    FROM placements_placement placed
    WHERE NOT EXISTS (
        SELECT FROM rebalance_tenantrate rate WHERE rate.tenant_id = placed.tenant_id
    )
    ON CONFLICT (tenant_id) DO NOTHING
"""
_OF_TENANTS: Final = (TenantRate, TenantSize, Pin, KeptApart)
"""A row of a tenant each; they go when it does."""

# Rates so small that nobody would miss them are let be: most tenants of most five minutes.
_FOLD: Final = """
    UPDATE rebalance_tenantrate rate SET
        day_requests = rate.day_requests
            + %(day)s * (coalesce(use.requests, 0) / %(seconds)s - rate.day_requests),
        day_statements = rate.day_statements
            + %(day)s * (coalesce(use.microseconds, 0) / 1e6 / %(seconds)s - rate.day_statements),
        day_rows = rate.day_rows
            + %(day)s * (coalesce(use.rows_written, 0) / %(seconds)s - rate.day_rows),
        week_requests = rate.week_requests
            + %(week)s * (coalesce(use.requests, 0) / %(seconds)s - rate.week_requests),
        week_statements = rate.week_statements
            + %(week)s * (coalesce(use.microseconds, 0) / 1e6 / %(seconds)s - rate.week_statements),
        week_rows = rate.week_rows
            + %(week)s * (coalesce(use.rows_written, 0) / %(seconds)s - rate.week_rows)
    FROM rebalance_tenantrate known
    LEFT JOIN rebalance_tenantuse use ON use.tenant_id = known.tenant_id
        AND use.begins = %(begins)s AND use.minutes = 5
    WHERE rate.tenant_id = known.tenant_id
      AND (use.tenant_id IS NOT NULL OR known.week_requests > 1e-9
           OR known.week_statements > 1e-9 OR known.week_rows > 1e-9)
"""
_FADE: Final = """
    UPDATE rebalance_tenantrate SET
        day_requests = day_requests * %(day)s, day_statements = day_statements * %(day)s,
        day_rows = day_rows * %(day)s, week_requests = week_requests * %(week)s,
        week_statements = week_statements * %(week)s, week_rows = week_rows * %(week)s
"""
_SUM_UP: Final = """
    WITH old AS (
        DELETE FROM rebalance_tenantuse
        WHERE minutes = 5 AND begins < date_bin('1 hour', %(before)s, 'epoch')
        RETURNING *
    )
    INSERT INTO rebalance_tenantuse AS hour
        (tenant_id, begins, minutes, requests, statements, microseconds, rows_written, bytes)
    SELECT old.tenant_id, date_bin('1 hour', old.begins, 'epoch'), 60, sum(old.requests),
           sum(old.statements), sum(old.microseconds), sum(old.rows_written), max(size.bytes)
    FROM old LEFT JOIN rebalance_tenantsize size USING (tenant_id)
    GROUP BY 1, 2
    ON CONFLICT (minutes, begins, tenant_id) DO UPDATE SET
        requests = hour.requests + excluded.requests,
        statements = hour.statements + excluded.statements,
        microseconds = hour.microseconds + excluded.microseconds,
        rows_written = hour.rows_written + excluded.rows_written,
        bytes = coalesce(excluded.bytes, hour.bytes)
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """What one round did.

    Attributes:
        folded: spans of five minutes.
        forgotten: rows of hours that were too old.
    """

    folded: int
    forgotten: int


def keep_history() -> Kept:
    """Fold what is closed into the rates, sum up what is older than some hours, forget the rest.

    Locks: the clock's row, so that two at once fold nothing twice.
    Transaction: one on control for each five minutes; whoever is killed goes on there.
    Idempotent.
    """
    folded = 0
    while _fold_next():
        folded += 1
    conf = rebalance_settings()
    with transaction.atomic(using=CONTROL):
        _clock()
        keep_holdings()
        _execute(_SUM_UP, before=_closed() - conf.use_by_minutes)
    old = TenantUse.objects.using(CONTROL).filter(
        minutes=HOUR_MINUTES, begins__lt=Now() - conf.use_by_hours
    )
    forgotten, _ = old.delete()
    return Kept(folded, forgotten)


def _fold_next() -> bool:
    """Fold one more span; False when none is closed that was not."""
    with transaction.atomic(using=CONTROL):
        clock, closed = _clock(), _closed()
        begins = clock.folded_until
        if begins >= closed:
            return False
        missed = closed - begins - _MOST_BUCKETS * BUCKET
        if missed > timedelta(0):
            _execute(_FADE, day=part_left(missed, DAY), week=part_left(missed, WEEK))
            begins += missed
        _execute(_BEGIN, begins=begins)
        _forget_the_gone()
        _execute(
            _FOLD,
            begins=begins,
            seconds=BUCKET.total_seconds(),
            day=part_of_new(BUCKET, DAY),
            week=part_of_new(BUCKET, WEEK),
        )
        clock.folded_until = begins + BUCKET
        clock.save(using=CONTROL)
    return True


def _clock() -> UseClock:
    """The one row, locked; a new one has folded everything but the span that was closed last."""
    clocks = UseClock.objects.using(CONTROL)
    clocks.get_or_create(id=1, defaults={"folded_until": _closed() - BUCKET})
    return clocks.select_for_update().get(id=1)


def _closed() -> datetime:
    """Until when nothing is added any more."""
    with connections[CONTROL].cursor() as cursor:
        cursor.execute(_CLOSED, [_CLOSED_AFTER.total_seconds()])
        (at,) = cursor.fetchone()
    closed: datetime = at
    return closed


def _forget_the_gone() -> None:
    placed = Placement.objects.using(CONTROL).filter(tenant_id=OuterRef("tenant_id"))
    for model in _OF_TENANTS:
        model.objects.using(CONTROL).filter(~Exists(placed)).delete()


def _execute(statement: str, **values: datetime | float) -> None:
    with connections[CONTROL].cursor() as cursor:
        cursor.execute(statement, values)
