"""How much of its shard each tenant uses, as the planner is told."""

from datetime import datetime, timedelta

from sharding.rebalance.models import BUCKET_MINUTES, CONTROL, TenantRate
from sharding.rebalance.smoothing import DAY, WEEK, corrected

_STEP = timedelta(minutes=BUCKET_MINUTES)


def loads(now: datetime) -> dict[str, float]:
    """Of each tenant how many statements it has under way at a time: its day's or its week's."""
    return {
        rate.tenant_id: max(
            corrected(rate.day_statements, age=now - rate.seen_since, span=DAY, step=_STEP),
            corrected(rate.week_statements, age=now - rate.seen_since, span=WEEK, step=_STEP),
        )
        for rate in TenantRate.objects.using(CONTROL).iterator()
    }
