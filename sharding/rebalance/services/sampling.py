"""Look at one shard: what was written to each tenant, and how large some of them are now.

All counters come in one pass of pg_class, which takes a third of a second for 4,000 schemas of 30
tables. Sizes cost the server a hundred times as much each, and its session memory that it keeps;
so a round measures some hundred schemas at most, on a connection of its own.

Source: facts of rebalancing, measured on PostgreSQL 18 with 120,000 tables.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from time import monotonic
from typing import Final

import psycopg
from django.db import connections, transaction
from django.db.models.functions import Now
from django.utils import timezone

from sharding.placements.models import Placement
from sharding.placements.states import PlacementState
from sharding.rebalance.conf import rebalance_settings
from sharding.rebalance.counting import (
    Counters,
    Here,
    Known,
    after_this,
    grown,
    to_measure,
)
from sharding.rebalance.models import CONTROL, ShardLook, TenantSize
from sharding.rebalance.services.use import add_rows
from sharding.registry import current as addresses
from sharding.schemas.connections import Connection, Patience, own_connection

_PATIENCE: Final = Patience(statement=timedelta(seconds=60), lock=timedelta(milliseconds=200))
_MOST_LOCKED: Final = 20
"""So often a round waits in vain for a lock; what is left is measured in the next one."""

# A crash sets all counters back, and these: the first to NULL, the second to when it came back.
_GENERATION: Final = """
    SELECT concat(
        (SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()), '/',
        (SELECT stats_reset FROM pg_stat_wal)
    )
"""
# The functions and not pg_stat_all_tables, which takes three times as long.
_COUNTERS: Final = """
    SELECT named.nspname, counted.*
    FROM (
        SELECT c.relnamespace AS oid,
               sum(pg_stat_get_tuples_inserted(c.oid) + pg_stat_get_tuples_updated(c.oid)
                   + pg_stat_get_tuples_deleted(c.oid))::bigint AS written,
               sum(pg_stat_get_live_tuples(c.oid))::bigint AS rows
        FROM pg_class c WHERE c.relkind = 'r' GROUP BY 1
    ) AS counted
    JOIN pg_namespace named ON named.oid = counted.oid
    WHERE named.nspname = ANY (%s)
"""
# A table that was just dropped has no size.
_SIZES: Final = """
    SELECT relnamespace, coalesce(sum(pg_total_relation_size(oid)), 0)::bigint
    FROM pg_class WHERE relkind IN ('r', 'm') AND relnamespace = ANY (%s) GROUP BY 1
"""
_KEEP: Final = """
    INSERT INTO rebalance_tenantsize
        (tenant_id, shard, arrived_epoch, generation, counted, rows, bytes, sized_at,
         counted_when_sized)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::bigint[],
                         %s::bigint[], %s::bigint[], %s::timestamptz[], %s::bigint[])
        AS told (tenant_id)
    ORDER BY told.tenant_id
    ON CONFLICT (tenant_id) DO UPDATE SET
        shard = excluded.shard, arrived_epoch = excluded.arrived_epoch,
        generation = excluded.generation, counted = excluded.counted, rows = excluded.rows,
        bytes = excluded.bytes, sized_at = excluded.sized_at,
        counted_when_sized = excluded.counted_when_sized
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one round did.

    Attributes:
        schemas: whose counters were read.
        written: rows, of all of them, since the round before.
        sized: that were measured.
        waiting: that are to be, in later rounds.
        seconds: on the shard.
    """

    shard: str
    schemas: int
    written: int
    sized: int
    waiting: int
    seconds: float


def sample_shard(name: str) -> Sample:
    """Read the counters of all tenants of shard `name`, measure some, keep both in control.

    Transaction: one on control, after the shard was asked.
    Idempotent: what was counted is counted once, since it is kept with how far it was.

    Raises:
        UnknownShard: it has no address here.
        ServerUnreachable: nothing was kept.
    """
    server = addresses.shard(name)
    places = {
        row.tenant_id: row
        for row in Placement.objects.using(CONTROL).filter(
            shard_id=name, state=PlacementState.READY
        )
    }
    known = _known(places)
    began = monotonic()
    with own_connection(server, _PATIENCE) as connection:
        generation, counters = _read(connection, [row.schema for row in places.values()])
        here = {
            tenant_id: Here(name, row.arrived_epoch, generation)
            for tenant_id, row in places.items()
            if row.schema in counters
        }
        now = {tenant_id: counters[places[tenant_id].schema] for tenant_id in here}
        written = {
            tenant_id: more
            for tenant_id in here
            if (more := grown(known.get(tenant_id), here[tenant_id], now[tenant_id]))
        }
        after = {
            tenant_id: after_this(known.get(tenant_id), here[tenant_id], now[tenant_id])
            for tenant_id in here
        }
        wanted, waiting = to_measure(after, most=rebalance_settings().sized_at_once)
        sizes = _measure(connection, {now[tenant_id].oid: tenant_id for tenant_id in wanted})
    seconds = monotonic() - began
    after |= {tenant_id: _sized(after[tenant_id], size) for tenant_id, size in sizes.items()}
    changed = {tenant_id: each for tenant_id, each in after.items() if known.get(tenant_id) != each}
    sample = Sample(
        shard=name,
        schemas=len(now),
        written=sum(written.values()),
        sized=len(sizes),
        waiting=waiting + len(wanted) - len(sizes),
        seconds=seconds,
    )
    with transaction.atomic(using=CONTROL):
        _keep(changed, {tenant_id: now[tenant_id].rows for tenant_id in changed})
        add_rows(written)
        ShardLook.objects.using(CONTROL).update_or_create(
            shard=name,
            defaults={
                "at": Now(),
                "seconds": seconds,
                "schemas": sample.schemas,
                "sized": sample.sized,
                "waiting": sample.waiting,
            },
        )
    return sample


def _known(places: Mapping[str, Placement]) -> dict[str, Known]:
    return {
        row.tenant_id: Known(
            row.shard,
            row.arrived_epoch,
            row.generation,
            row.counted,
            row.bytes,
            row.sized_at,
            row.counted_when_sized,
        )
        for row in TenantSize.objects.using(CONTROL).filter(tenant_id__in=list(places))
    }


def _read(connection: Connection, schemas: Sequence[str]) -> tuple[str, dict[str, Counters]]:
    generation = connection.execute(_GENERATION).fetchone()
    rows = connection.execute(_COUNTERS, [list(schemas)]).fetchall()
    counters = {name: Counters(oid, written, there) for name, oid, written, there in rows}
    return (generation[0] if generation else ""), counters


def _measure(connection: Connection, wanted: Mapping[int, str]) -> dict[str, int]:
    """By tenant; without those who have a table that somebody keeps to themselves."""
    return {wanted[oid]: size for oid, size in _sizes(connection, sorted(wanted), [_MOST_LOCKED])}


def _sizes(
    connection: Connection, oids: list[int], waits_left: list[int]
) -> Iterator[tuple[int, int]]:
    if not oids or not waits_left[0]:
        return
    try:
        yield from connection.execute(_SIZES, [oids]).fetchall()
    except psycopg.errors.LockNotAvailable:
        # One table of one schema is enough: halves tell which.
        waits_left[0] -= 1
        if len(oids) > 1:
            middle = len(oids) // 2
            yield from _sizes(connection, oids[:middle], waits_left)
            yield from _sizes(connection, oids[middle:], waits_left)


def _sized(known: Known, size: int) -> Known:
    return replace(known, bytes=size, sized_at=timezone.now(), written_when_sized=known.written)


def _keep(changed: Mapping[str, Known], rows: Mapping[str, int]) -> None:
    if not changed:
        return
    values = list(changed.values())
    with connections[CONTROL].cursor() as cursor:
        cursor.execute(
            _KEEP,
            [
                list(changed),
                [each.shard for each in values],
                [each.arrived_epoch for each in values],
                [each.generation for each in values],
                [each.written for each in values],
                [rows[tenant_id] for tenant_id in changed],
                [each.bytes for each in values],
                [each.sized_at for each in values],
                [each.written_when_sized for each in values],
            ],
        )
