"""How much of its shard each tenant uses, as the planner is told."""

from datetime import datetime

from sharding.rebalance.models import BUCKET, CONTROL, TenantRate
from sharding.rebalance.smoothing import DAY, WEEK, corrected


def loads(now: datetime) -> dict[str, float]:
    """Of each tenant how many statements it has under way at a time: its day's or its week's."""
    return {
        rate.tenant_id: max(
            corrected(rate.day_statements, age=now - rate.seen_since, span=DAY, step=BUCKET),
            corrected(rate.week_statements, age=now - rate.seen_since, span=WEEK, step=BUCKET),
        )
        for rate in TenantRate.objects.using(CONTROL).iterator()
    }
