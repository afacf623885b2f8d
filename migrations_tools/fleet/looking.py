"""Ask control where the schemas are, and each shard, once, what they are."""

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

import psycopg
from django.db.models import Q
from django.db.models.functions import Now

from migrations_tools.fleet.types import Placed, Row, ShardRows
from sharding.moves.core.states import MoveState
from sharding.moves.models import Move
from sharding.placements.models import CONTROL, Placement
from sharding.pools.outages import without_rows
from sharding.registry.current import registry
from sharding.registry.types import Server
from sharding.schemas.connections import BRIEF, own_connection
from sharding.schemas.errors import ServerUnreachable

_AT_ONCE: Final = 20

# One query per shard, whatever it holds: the whole table is some hundred bytes per schema.
_ROWS = """
    SELECT v.digest, s.schema, s.phase, s.digest, s.fingerprint, s.major, s.unfinished
    FROM (SELECT max(digest) AS digest FROM atoll.reference_version) v
    LEFT JOIN atoll.tenant_schema s ON true
"""


def read_placed(
    *, tenants: Collection[str] = (), shards: Collection[str] = ()
) -> tuple[Placed, ...]:
    """The schemas that control knows: those of these tenants, on these shards, or all."""
    rows = Placement.objects.using(CONTROL).order_by("shard_id", "tenant_id")
    if tenants:
        rows = rows.filter(tenant_id__in=tenants)
    if shards:
        rows = rows.filter(shard_id__in=shards)
    return tuple(
        Placed(*row) for row in rows.values_list("tenant_id", "shard_id", "schema", "state")
    )


def read_soaks() -> dict[str, int]:
    """Tenants whose move soaks, each with its number: what is migrated cannot go back."""
    soaking = Move.objects.using(CONTROL).filter(state=MoveState.SOAKING, soak_ends_at__gt=Now())
    return dict(soaking.values_list("tenant_id", "pk"))


def left_since(shards: Collection[str], since: datetime) -> tuple[str, ...]:
    """Tenants of whose moves from or to these shards something happened since then."""
    moves = Move.objects.using(CONTROL).filter(changed_at__gte=since)
    there = moves.filter(Q(source__in=shards) | Q(target__in=shards))
    return tuple(sorted(set(there.values_list("tenant_id", flat=True))))


def read_shards(names: Iterable[str]) -> dict[str, ShardRows]:
    """What each of these shards says of its schemas, all asked at once.

    One that does not answer is `away`; one without an address is left out.
    """
    servers = registry().shards
    known = {name: servers[name] for name in sorted(set(names)) if name in servers}
    if not known:
        return {}
    # Threads without our context: they only ask, on connections of their own.
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(known))) as pool:
        return dict(zip(known, pool.map(_read, known.values()), strict=True))


def away(shards: Mapping[str, ShardRows]) -> dict[str, str]:
    """Which of them do not answer, and why."""
    return {name: found.away for name, found in shards.items() if found.away}


def _read(server: Server) -> ShardRows:
    try:
        with own_connection(server, BRIEF) as connection:
            major = connection.info.server_version // 10000
            found = connection.execute(_ROWS).fetchall()
    except ServerUnreachable as error:
        return ShardRows(away=error.reason)
    except psycopg.errors.UndefinedTable:
        return ShardRows(away="its database is not prepared; run add_shard again")
    except psycopg.Error as error:
        return ShardRows(away=without_rows(error))
    rows = {schema: Row(*rest) for _, schema, *rest in found if schema is not None}
    return ShardRows(rows=rows, major=major, reference=found[0][0] or "")
