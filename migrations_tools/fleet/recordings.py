"""Find out, once per group, how its schemas get to the code; measure what was never measured."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

import psycopg
from django.db import DatabaseError, connections

from migrations_tools.errors import MigrationToolsError
from migrations_tools.fleet.routes import Route, pending_names, state_of_group
from migrations_tools.fleet.types import FleetPlan, Group, GroupKey, Member
from migrations_tools.replay.recording import record
from migrations_tools.replay.types import Mark, Recording
from migrations_tools.states import State
from sharding.pools.outages import without_rows
from sharding.registry import current as addresses
from sharding.schemas.connections import Patience, own_connection
from sharding.schemas.errors import SchemaError
from sharding.schemas.services.fingerprint import fingerprint

Tell = Callable[[str], None]

_WHAT_MAY_FAIL: Final = (MigrationToolsError, SchemaError, DatabaseError, psycopg.Error)
_PATIENCE: Final = Patience(statement=timedelta(minutes=5))
_MEASURERS: Final = 4

# Measured without a lease: if it was migrated meanwhile, the digest is another one and this writes
# nothing.
_SET_FINGERPRINT = """
    UPDATE atoll.tenant_schema SET fingerprint = %(fingerprint)s, major = %(major)s
    WHERE schema = %(schema)s AND digest IS NOT DISTINCT FROM %(digest)s
"""


def find_routes(plan: FleetPlan, *, record_from: int, tell: Tell) -> dict[GroupKey, Route]:
    """How each group gets to the state of the code.

    Groups of fewer than `record_from` schemas are not worth a template.
    """
    return {
        group.key: _route(group, state_of_group(group), record_from=record_from, tell=tell)
        for group in plan.groups
    }


def unmeasured(plan: FleetPlan, *, record_from: int) -> list[Member]:
    """Schemas whose structure nobody has measured, and that may be worth a template."""
    by_state: Counter[tuple[str, int]] = Counter()
    for group in plan.groups:
        by_state[group.key.digest, group.key.major] += len(group.members)
    return [
        member
        for group in plan.groups
        if not group.key.fingerprint and by_state[group.key.digest, group.key.major] >= record_from
        for member in group.members
    ]


def measure(members: Iterable[Member], *, tell: Tell) -> None:
    """Measure the structure of these schemas, and write it down.

    Idempotent.
    """
    by_shard: dict[str, list[Member]] = defaultdict(list)
    for member in members:
        by_shard[member.shard].append(member)
    if not by_shard:
        return
    tell(f"measuring {sum(map(len, by_shard.values()))} schemas, which is done once")
    with ThreadPoolExecutor(max_workers=min(_MEASURERS, len(by_shard))) as pool:
        for said in pool.map(_measure_on, by_shard, by_shard.values()):
            if said:
                tell(said)


def _measure_on(shard: str, members: list[Member]) -> str:
    """In a thread of its own; returns what went wrong."""
    try:
        with own_connection(addresses.shard(shard), _PATIENCE) as connection:
            major = connection.info.server_version // 10_000
            for member in members:
                assert member.key is not None
                connection.execute(
                    _SET_FINGERPRINT,
                    {
                        "schema": member.schema,
                        "fingerprint": fingerprint(connection, member.schema),
                        "major": major,
                        "digest": member.key.digest or None,
                    },
                )
    except _WHAT_MAY_FAIL as error:
        return f"{shard}: not all could be measured: {without_rows(error)}"
    return ""


def _route(group: Group, state: State, *, record_from: int, tell: Tell) -> Route:
    pending = pending_names(state)
    key = group.key
    if not pending:
        return Route(pending, why_not="they lack no migration, and are finished and measured")
    if len(group.members) < record_from:
        return Route(pending, why_not=f"fewer than {record_from} schemas are not worth a template")
    if not key.fingerprint:
        return Route(pending, why_not="their structure was not measured")
    tell(f"recording {len(pending)} migrations for {len(group.members)} schemas")
    try:
        return Route(pending, recording=_record(group, state, tell))
    except _WHAT_MAY_FAIL as error:
        why_not = without_rows(error)
        tell(why_not)
        return Route(pending, why_not=why_not)


def _record(group: Group, state: State, tell: Tell) -> Recording:
    """On the shard that has the most of them, where the template may be made of one of them."""
    ((shard, _),) = Counter(member.shard for member in group.members).most_common(1)
    member = next(one for one in group.members if one.shard == shard)
    server = addresses.shard(shard)
    start = Mark(state.digest, group.key.fingerprint)
    try:
        return record(server, start, member.schema, tell=tell)
    finally:
        connections[shard].close()
