"""What each tenant has cost on each day, as far as control remembers, for simulations."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from django.db import connections, transaction

from sharding.rebalance.errors import NothingRecorded
from sharding.rebalance.models import CONTROL

# A day's load is over the part of it of which anything is known: of the first and the last one
# that is less than all. Where a tenant was earlier is not kept, so it is where it is now.
_RECORDED: Final = """
    WITH spans AS (
        SELECT date_trunc('day', begins, 'UTC') AS day, begins,
               begins + make_interval(mins => minutes) AS ends, tenant_id, microseconds, bytes
        FROM rebalance_tenantuse
    ), days AS (
        SELECT day, extract(epoch FROM max(ends) - min(begins)) AS seconds
        FROM spans GROUP BY day
    ), used AS (
        SELECT day, tenant_id, sum(microseconds) / 1e6 AS busy, max(bytes) AS bytes
        FROM spans GROUP BY day, tenant_id
    )
    SELECT extract(day FROM days.day - min(days.day) OVER ())::int, placed.tenant_id,
           placed.shard_id, coalesce(used.bytes, size.bytes, 0),
           round((coalesce(used.busy, 0) / days.seconds)::numeric, 6)::float8
    FROM days
    JOIN placements_placement placed ON placed.created_at < days.day + interval '1 day'
    LEFT JOIN used ON used.day = days.day AND used.tenant_id = placed.tenant_id
    LEFT JOIN rebalance_tenantsize size ON size.tenant_id = placed.tenant_id
    ORDER BY days.day, placed.tenant_id
"""


class Recorded(NamedTuple):
    """A tenant on a day; days count from the first one, 0.

    Attributes:
        bytes: its largest size of that day, or as it is now.
        load: how many statements it had under way at a time, on the mean.
    """

    day: int
    tenant: str
    shard: str
    bytes: int
    load: float


def recorded_days() -> Iterator[Recorded]:
    """Every tenant on every day (UTC) of which anything is known, in order.

    Transaction: one on control, until the last row was taken.

    Raises:
        NothingRecorded: nothing was counted so far.
    """
    nothing = True
    with transaction.atomic(using=CONTROL), connections[CONTROL].chunked_cursor() as cursor:
        cursor.execute(_RECORDED)
        for row in cursor:
            nothing = False
            yield Recorded(*row)
    if nothing:
        raise NothingRecorded
