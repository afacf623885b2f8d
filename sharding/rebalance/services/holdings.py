"""What the tenants of each shard cost, as far as they were measured; for placing new ones."""

from collections.abc import Mapping
from typing import Final

from django.db import connections

from sharding.placements.scoring import Held
from sharding.rebalance.models import BUCKET, CONTROL
from sharding.rebalance.smoothing import DAY, WEEK

# A tenant without a size counts as one that nobody has measured. Means that began at nothing are
# divided by the part of them that can be known (sharding.rebalance.smoothing.corrected).
_HELD: Final = """
    SELECT placed.shard_id, sum(size.bytes), count(*),
        coalesce(sum(greatest(
            rate.day_statements / (1 - exp(-aged.seconds / %(day)s)),
            rate.week_statements / (1 - exp(-aged.seconds / %(week)s))
        )), 0)
    FROM placements_placement placed
    JOIN rebalance_tenantsize size ON size.tenant_id = placed.tenant_id AND size.bytes IS NOT NULL
    LEFT JOIN rebalance_tenantrate rate ON rate.tenant_id = placed.tenant_id
    LEFT JOIN LATERAL (
        SELECT greatest(extract(epoch FROM now() - rate.seen_since), %(step)s)::float8 AS seconds
    ) aged ON rate.tenant_id IS NOT NULL
    GROUP BY placed.shard_id
"""


def measured_holdings() -> Mapping[str, Held]:
    """Of each shard the bytes and the load of its tenants whose size is known."""
    terms = {
        "day": DAY.total_seconds(),
        "week": WEEK.total_seconds(),
        "step": BUCKET.total_seconds(),
    }
    with connections[CONTROL].cursor() as cursor:
        cursor.execute(_HELD, terms)
        rows = cursor.fetchall()
    return {
        shard: Held(bytes=float(size), load=float(load), measured=measured)
        for shard, size, measured, load in rows
    }
