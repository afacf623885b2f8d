"""Add to what tenants have used in the five minutes that it is now, by control's clock."""

from collections.abc import Mapping
from typing import Final

from django.db import connections

from sharding.pools.tenant_use import TenantUse
from sharding.rebalance.models import CONTROL

_ADD: Final = """
    INSERT INTO rebalance_tenantuse AS use
        (tenant_id, begins, minutes, requests, statements, microseconds, rows_written)
    SELECT told.tenant_id, date_bin('5 minutes', statement_timestamp(), 'epoch'), 5,
           told.requests, told.statements, told.microseconds, told.rows_written
    FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
         AS told (tenant_id, requests, statements, microseconds, rows_written)
    -- In one order, so that two processes cannot wait for each other.
    ORDER BY told.tenant_id
    ON CONFLICT (minutes, begins, tenant_id) DO UPDATE SET
        requests = use.requests + excluded.requests,
        statements = use.statements + excluded.statements,
        microseconds = use.microseconds + excluded.microseconds,
        rows_written = use.rows_written + excluded.rows_written
"""


def add_use(uses: Mapping[str, TenantUse]) -> None:
    """Add what a process has counted, in one statement.

    Transaction: the caller's on control, or none.

    Raises:
        DatabaseError: nothing was added.
    """
    values = uses.values()
    _add(
        list(uses),
        [use.requests for use in values],
        [use.statements for use in values],
        [round(use.seconds * 1e6) for use in values],
        [0] * len(uses),
    )


def add_rows(written: Mapping[str, int]) -> None:
    """Add rows that a shard has counted, by tenant.

    Transaction: as add_use.
    """
    none = [0] * len(written)
    _add(list(written), none, none, none, list(written.values()))


def _add(tenants: list[str], *numbers: list[int]) -> None:
    if tenants:
        with connections[CONTROL].cursor() as cursor:
            cursor.execute(_ADD, [tenants, *numbers])
