"""Find the tenants whose outbox holds messages, with one cheap question per shard."""

import logging
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from celery import Task

from sharding import scope
from sharding.placements.models import CONTROL, Placement
from sharding.placements.states import PlacementState
from sharding.registry.current import registry
from sharding.registry.types import Server
from sharding.schemas.connections import BRIEF, login_connection
from sharding.schemas.errors import ServerUnreachable
from tenants.fan_out import takes_work
from tenants.models import Tenant
from tenants.outbox.models import Message, ParkedMessage
from tenants.serving import may_serve
from tenants.states import TenantState

log = logging.getLogger(__name__)

_AT_ONCE = 20

# What the statistics believe: no tenant's table is opened. They are a second or so late, and a
# server that crashed has forgotten them; both only cost time, since every outbox is looked into
# now and then (`drain_all_outboxes`).
_BELIEVED = """
    SELECT n.nspname, c.relname, pg_stat_get_live_tuples(c.oid)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = ANY (%(tables)s) AND c.relkind = 'r'
      AND pg_stat_get_live_tuples(c.oid) > 0
"""


@dataclass(frozen=True, slots=True)
class Believed:
    """What one shard believes to be in its outboxes.

    Attributes:
        waiting: messages by schema; schemas without any are left out.
        parked: the same for parked ones.
        problem: why the shard did not say; empty when it did.
    """

    shard: str
    waiting: Mapping[str, int]
    parked: Mapping[str, int]
    problem: str = ""


def believed_everywhere() -> list[Believed]:
    """What every shard believes, all asked at once; one that is away says so within seconds."""
    servers = list(registry().shards.values())
    # Threads without our context: they only ask, on connections of their own.
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return list(pool.map(_ask, servers))


def sweep(task: Task) -> int:  # type: ignore[type-arg]
    """Send `task` (a TenantTask) for every tenant that has messages left; return for how many.

    Raises:
        kombu.exceptions.OperationalError: the broker is away; the next sweep finds the same.
    """
    asked = 0
    for believed in believed_everywhere():
        if believed.problem:
            log.warning("outboxes of %s: %s", believed.shard, believed.problem)
        for place in _that_take_work(task, believed):
            with scope.enter(place):
                task.apply_async()
            asked += 1
    return asked


def _ask(server: Server) -> Believed:
    tables = {Message._meta.db_table: Counter[str](), ParkedMessage._meta.db_table: Counter[str]()}
    waiting, parked = tables.values()
    try:
        with login_connection(server, server.direct, server.web, BRIEF) as connection:
            for schema, table, rows in connection.execute(_BELIEVED, {"tables": list(tables)}):
                tables[table][schema] = rows
    except ServerUnreachable as error:
        return Believed(server.name, {}, {}, f"away: {error.reason}")
    return Believed(server.name, waiting, parked)


def _that_take_work(task: Task, believed: Believed) -> list[scope.Placement]:  # type: ignore[type-arg]
    rows = Placement.objects.using(CONTROL).filter(
        shard_id=believed.shard, schema__in=list(believed.waiting)
    )
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
