"""What every shard is and holds, those that are down included."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from typing import Final

import psycopg
from django.db.models import Count

from sharding.backend.identity import why_refused
from sharding.backend.idle_pools import PoolLook
from sharding.placements import ports
from sharding.placements.models import CONTROL, Placement, Process, Shard
from sharding.placements.services.breakers import ServerBreakers, sum_up
from sharding.placements.services.processes import live_processes
from sharding.placements.services.reserving import cap_of
from sharding.placements.services.shards import shards_named
from sharding.pools.breaker import Hold
from sharding.pools.breaking.door import is_there
from sharding.registry.current import registry
from sharding.registry.types import Server
from sharding.schemas.errors import ServerUnreachable
from sharding.schemas.services.describe import survey
from sharding.schemas.types import ShardSurvey

_AT_ONCE = 20
_KNOCK_S: Final = 0.5
"""For a server that has just let us wait, or refused us: is it there, and has no room for us?"""
_NO_POOL: Final = dict.fromkeys(("processes", *(each.name for each in fields(PoolLook))), 0)


@dataclass(frozen=True, slots=True)
class ShardLine:
    """One shard.

    Attributes:
        tenants: placed there, by control.
        survey: what the shard itself says; None when it does not answer. Where it does and there
            is a problem, nobody is served: it is sealed, or a standby.
        pools: what all living processes hold of it, by the names of `PoolLook`.
        problem: why it does not, or what is wrong with it; empty when all is well. `crowded`: it is
            there, and had no connection left.
        hold: that an operator keeps it closed.
        breakers: what the processes hold of it.
        full: the parts of its capacity that are used, by bytes, load and tenants; empty: nobody
            has reckoned that.
        labels: what it has that tenants may need.
        not_opened: copies here of tenants that control has switched here, which serve nobody yet.
    """

    name: str
    state: str
    address: str
    tenants: int
    role_cap: int
    survey: ShardSurvey | None
    pools: Mapping[str, int]
    problem: str
    hold: Hold | None = None
    breakers: ServerBreakers = field(default_factory=ServerBreakers)
    full: Mapping[str, float] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    not_opened: tuple[str, ...] = ()

    @property
    def copies(self) -> tuple[str, ...]:
        """The other copies that moves keep closed here: their tenants live elsewhere."""
        found = self.survey.copies if self.survey else ()
        return tuple(schema for schema in found if schema not in self.not_opened)

    def to_json(self) -> dict[str, object]:
        """Plain values with units in their names."""
        found = self.survey
        return {
            "name": self.name,
            "state": self.state,
            "address": self.address,
            "tenants": self.tenants,
            "answers": found is not None,
            "postgresql": found.major if found else None,
            "incarnation": found.incarnation if found else None,
            "in_recovery": found.in_recovery if found else None,
            "bytes": found.bytes if found else None,
            "roles": found.roles if found else None,
            "role_cap": self.role_cap,
            "phases": {str(phase): n for phase, n in found.phases.items()} if found else None,
            "pools": dict(self.pools),
            "half_made": list(found.half_made) if found else None,
            "not_opened": list(self.not_opened) if found else None,
            "copies": list(self.copies) if found else None,
            "spares": found.spares if found else None,
            "problem": self.problem,
            "held": {"reason": self.hold.reason, "since": self.hold.since.isoformat()}
            if self.hold
            else None,
            "breakers": self.breakers.to_json(),
            "full": dict(self.full),
            "labels": list(self.labels),
        }


def list_shards(names: Iterable[str] = ()) -> list[ShardLine]:
    """All shards, or those named, asked at once: the slowest takes seconds, however it is down.

    Raises:
        NoSuchShard: one of the names is no shard's.
    """
    named = Shard.objects.using(CONTROL).filter(name__in=shards_named(names))
    shards = list(named.annotate(tenants=Count("placements")).order_by("name"))
    servers = registry().shards
    full = ports.fullness()
    processes = list(live_processes())
    pools, breakers = _pools_of(processes), sum_up(processes)
    # Threads without our context: they only ask, on connections of their own.
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        answers = list(pool.map(_ask, [servers.get(shard.name) for shard in shards]))
    not_opened = _not_opened(
        {shard.name: found for shard, (found, _) in zip(shards, answers, strict=True)}
    )
    return [
        ShardLine(
            name=shard.name,
            state=shard.state,
            address=str(servers[shard.name].direct) if shard.name in servers else "",
            tenants=shard.tenants,
            role_cap=cap_of(shard),
            survey=found,
            pools=pools[shard.name],
            problem=problem,
            hold=shard.hold,
            breakers=breakers.get(shard.name, ServerBreakers()),
            full=full.get(shard.name, {}),
            labels=tuple(shard.labels),
            not_opened=not_opened.get(shard.name, ()),
        )
        for shard, (found, problem) in zip(shards, answers, strict=True)
    ]


def _pools_of(processes: Iterable[Process]) -> Mapping[str, Mapping[str, int]]:
    """What they together hold of each server; zeros of one that none of them asks."""
    summed: dict[str, Counter[str]] = defaultdict(lambda: Counter(_NO_POOL))
    for process in processes:
        for name, look in process.pools.items():
            summed[name].update(processes=1, **look)
    return summed


def _not_opened(found: Mapping[str, ShardSurvey | None]) -> Mapping[str, tuple[str, ...]]:
    """The copies on each shard that, as control holds, are where their tenants live."""
    copies = {shard: survey.copies for shard, survey in found.items() if survey}
    schemas = [schema for held in copies.values() for schema in held]
    places = Placement.objects.using(CONTROL).filter(schema__in=schemas)
    lives = frozenset(places.values_list("shard_id", "schema"))
    return {
        shard: tuple(schema for schema in held if (shard, schema) in lives)
        for shard, held in copies.items()
    }


def _ask(server: Server | None) -> tuple[ShardSurvey | None, str]:
    if server is None:
        return None, "it has no address in this machine's registry"
    try:
        found = survey(server)
        why = why_refused(server, found.incarnation, found.in_recovery)
        return found, why or ""
    except ServerUnreachable as error:
        there = is_there(server.direct, server.own.user, within_s=_KNOCK_S)
        return None, f"{'crowded' if there else 'away'}: {error.reason}"
    except psycopg.errors.UndefinedTable:
        return None, "its database is not prepared; run add_shard again"
