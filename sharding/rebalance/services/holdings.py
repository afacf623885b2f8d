"""What the tenants of each shard cost, as far as they were measured; for placing new ones.

Summing that up reads three rows of every tenant, a fifth of a second for 100,000. So it is kept by
shard whenever use is folded, every five minutes, when sizes and loads change anyway; whoever places
a tenant reads that, and counts the tenants that were placed since. These are counted, not kept: of
two who place tenants at once nobody waits for the other, and no counter can be wrong.
"""

from datetime import timedelta
from typing import Final

from django.db import connections, transaction
from django.db.models.functions import Now

from sharding.placements.scoring import Held, Holdings
from sharding.rebalance.models import BUCKET, CONTROL, ShardHolding
from sharding.rebalance.smoothing import DAY, WEEK

_STALE: Final = 4 * BUCKET
"""Then nobody folds use: all is summed up by whoever asks, as before anything was kept."""

_UNSEEN: Final = timedelta(minutes=1)
"""A placement is as old as its statement, and seen when its transaction commits. So those that are
younger than this when the others are counted are counted later."""

# A tenant without a size counts as one that nobody has measured. Means that began at nothing are
# divided by the part of them that can be known (sharding.rebalance.smoothing.corrected).
_HELD: Final = """
    SELECT shard.name,
        count(placed.tenant_id) FILTER (WHERE placed.created_at <= until.at),
        count(size.tenant_id),
        coalesce(sum(size.bytes), 0),
        coalesce(sum(greatest(
            rate.day_statements / (1 - exp(-aged.seconds / %(day)s)),
            rate.week_statements / (1 - exp(-aged.seconds / %(week)s))
        )) FILTER (WHERE size.tenant_id IS NOT NULL), 0),
        until.at
    FROM placements_shard shard
    CROSS JOIN (SELECT now() - make_interval(secs => %(unseen)s) AS at) until
    LEFT JOIN placements_placement placed ON placed.shard_id = shard.name
    LEFT JOIN rebalance_tenantsize size
        ON size.tenant_id = placed.tenant_id AND size.bytes IS NOT NULL
    LEFT JOIN rebalance_tenantrate rate ON rate.tenant_id = placed.tenant_id
    LEFT JOIN LATERAL (
        SELECT greatest(extract(epoch FROM now() - rate.seen_since), %(step)s)::float8 AS seconds
    ) aged ON rate.tenant_id IS NOT NULL
    GROUP BY shard.name, until.at
"""


def measured_holdings() -> Holdings:
    """Of each shard the bytes and the load of its tenants whose size is known, and how many."""
    kept = [
        *ShardHolding.objects.using(CONTROL).filter(counted_until__gt=Now() - _STALE - _UNSEEN)
    ] or _sum_up()
    if not kept:
        return Holdings()
    return Holdings(
        {
            row.shard: Held(
                bytes=row.bytes, load=row.load, measured=row.measured, tenants=row.tenants
            )
            for row in kept
        },
        counted_until=kept[0].counted_until,
    )


def keep_holdings() -> None:
    """Sum it up, for those who ask until the next time.

    Locks: the caller keeps others from doing the same.
    Transaction: opens one on control, or joins the caller's; others read what was kept before.
    """
    with transaction.atomic(using=CONTROL):
        rows = _sum_up()
        ShardHolding.objects.using(CONTROL).all().delete()
        ShardHolding.objects.using(CONTROL).bulk_create(rows)


def _sum_up() -> list[ShardHolding]:
    terms = {
        "day": DAY.total_seconds(),
        "week": WEEK.total_seconds(),
        "step": BUCKET.total_seconds(),
        "unseen": _UNSEEN.total_seconds(),
    }
    with connections[CONTROL].cursor() as cursor:
        cursor.execute(_HELD, terms)
        rows = cursor.fetchall()
    return [
        ShardHolding(
            shard=shard,
            tenants=tenants,
            measured=measured,
            bytes=float(size),
            load=float(load),
            counted_until=until,
        )
        for shard, tenants, measured, size, load, until in rows
    ]
