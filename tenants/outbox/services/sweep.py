"""Find the tenants whose outbox holds messages, without opening every tenant's tables."""

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

import psycopg
from celery import Task
from psycopg import sql

from sharding import scope
from sharding.placements.models import CONTROL, Placement
from sharding.placements.states import PlacementState
from sharding.pools.outages import without_rows
from sharding.registry.current import registry
from sharding.registry.types import Server
from sharding.schemas.connections import BRIEF, Connection, own_connection
from sharding.schemas.errors import ServerUnreachable
from tenants.fan_out import takes_work
from tenants.models import Tenant
from tenants.outbox.models import Message, ParkedMessage
from tenants.serving import may_serve
from tenants.states import TenantState

T = TypeVar("T")

log = logging.getLogger(__name__)

MOST_TIDIED: Final = 50
"""Tables per shard and sweep that are vacuumed."""

_AT_ONCE: Final = 20
_TABLES_PER_STATEMENT: Final = 100

# What the statistics believe: no tenant's table is opened. They are seconds late, may err upwards
# for ever (a delete that is counted before its insert), and a server that crashed has forgotten
# them. Too much costs one more look; too little costs time, since every outbox is looked into now
# and then (`drain_all_outboxes`).
_BELIEVED = """
    SELECT n.nspname, c.relname, pg_stat_get_live_tuples(c.oid)
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN atoll.tenant_schema t ON t.schema = n.nspname AND t.phase = 'active'
    WHERE c.relname = ANY (%(tables)s) AND pg_stat_get_live_tuples(c.oid) > 0
    ORDER BY n.nspname
"""
_HOLDS = "SELECT {schema}::text WHERE EXISTS (SELECT FROM {table})"
# Queues leave dead rows behind, and this sets the statistics right.
_TIDY = "VACUUM (ANALYZE) {table}"


@dataclass(frozen=True, slots=True)
class Believed:
    """What one shard's statistics believe to be in its outboxes; perhaps too much.

    Attributes:
        waiting: messages by schema; schemas without any are left out.
        parked: the same for parked ones.
        problem: why the shard did not say; empty when it did.
    """

    shard: str
    waiting: dict[str, int]
    parked: dict[str, int]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Left:
    """The schemas of one shard whose outbox holds messages that wait."""

    shard: str
    schemas: tuple[str, ...]
    problem: str = ""


def believed_everywhere() -> list[Believed]:
    """What every shard believes, all asked at once; one that is away says so within seconds."""
    return _of_every_shard(_believed)


def sweep(task: Task) -> int:  # type: ignore[type-arg]
    """Send `task` (a TenantTask) for every tenant that has messages left; return for how many.

    Raises:
        kombu.exceptions.OperationalError: the broker is away; the next sweep finds the same.
    """
    asked = 0
    for left in _of_every_shard(_left):
        if left.problem:
            log.warning("outboxes of %s: %s", left.shard, left.problem)
        for place in _that_take_work(task, left):
            with scope.enter(place):
                task.apply_async()
            asked += 1
    return asked


def _of_every_shard(ask: Callable[[Server], T]) -> list[T]:
    # Threads without our context: they only ask, on connections of their own.
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return list(pool.map(ask, registry().shards.values()))


def _believed(server: Server) -> Believed:
    try:
        with own_connection(server, BRIEF) as connection:
            return _read(connection, server.name)
    except ServerUnreachable as error:
        return Believed(server.name, {}, {}, f"away: {error.reason}")
    except psycopg.Error as error:
        return Believed(server.name, {}, {}, without_rows(error))


def _left(server: Server) -> Left:
    try:
        with own_connection(server, BRIEF) as connection:
            believed = list(_read(connection, server.name).waiting)
            holding = tuple(_holding(connection, believed))
            _tidy(connection, set(believed) - set(holding))
    except ServerUnreachable as error:
        return Left(server.name, (), f"away: {error.reason}")
    except psycopg.Error as error:
        return Left(server.name, (), without_rows(error))
    return Left(server.name, holding)


def _read(connection: Connection, shard: str) -> Believed:
    waiting, parked = Message._meta.db_table, ParkedMessage._meta.db_table
    found: dict[str, dict[str, int]] = {waiting: {}, parked: {}}
    for schema, table, rows in connection.execute(_BELIEVED, {"tables": list(found)}):
        found[table][schema] = rows
    return Believed(shard, found[waiting], found[parked])


def _holding(connection: Connection, schemas: Iterable[str]) -> Iterator[str]:
    rest = iter(schemas)
    while some := list(islice(rest, _TABLES_PER_STATEMENT)):
        asked = sql.SQL(" UNION ALL ").join(
            sql.SQL(_HOLDS).format(schema=sql.Literal(schema), table=_table(schema))
            for schema in some
        )
        yield from (schema for (schema,) in connection.execute(asked))


def _tidy(connection: Connection, schemas: set[str]) -> None:
    for schema in sorted(schemas)[:MOST_TIDIED]:
        try:
            connection.execute(sql.SQL(_TIDY).format(table=_table(schema)))
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled):
            return  # somebody works there; the next sweep comes by


def _table(schema: str) -> sql.Identifier:
    return sql.Identifier(schema, Message._meta.db_table)


def _that_take_work(task: Task, left: Left) -> list[scope.Placement]:  # type: ignore[type-arg]
    rows = Placement.objects.using(CONTROL).filter(shard_id=left.shard, schema__in=left.schemas)
    placements = {row.tenant_id: row for row in rows}
    states = Tenant.objects.using(CONTROL).filter(id__in=placements).values_list("id", "state")
    return [
        placements[tenant_id].to_scope()
        for tenant_id, state in states
        if takes_work(
            task,
            may_serve(TenantState(state), PlacementState(placements[tenant_id].state)),
        )
    ]
