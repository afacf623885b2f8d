"""What the shards are and hold, shown within a bound also when some are down."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import psycopg
from django.core.cache import caches
from django.db.models import Count, Q

from console.conf import console_settings
from console.services.asking import ask_all
from sharding.backend.identity import why_refused
from sharding.placements.models import CONTROL, Placement, Shard
from sharding.placements.services.breakers import ServerBreakers, server_breakers
from sharding.placements.services.reserving import cap_of
from sharding.placements.states import PlacementState
from sharding.pools.breaker import BreakerState, Hold
from sharding.pools.outages import without_rows
from sharding.registry.current import registry
from sharding.registry.types import Server
from sharding.schemas.connections import BRIEF, login_connection
from sharding.schemas.errors import ServerUnreachable
from sharding.schemas.services.describe import describe, survey

Question = Callable[[], dict[str, Any]]

_NEARLY: Final = 0.85
_PING: Final = "SELECT 1"
_SILENT: Final = "does not answer"


@dataclass(frozen=True, slots=True)
class ShardLook:
    """One shard on a page.

    Attributes:
        tenants: placed there, by control.
        role_cap: the most tenants it takes.
        bytes: of the whole database, at most a minute old; None when it was never asked or is away.
        problem: why it does not answer, or what is wrong with it; empty when all is well.
        hold: that an operator keeps it closed.
        breakers: what the processes hold of it.
    """

    name: str
    state: str
    address: str
    tenants: int
    moving: int
    role_cap: int
    major: int | None
    roles: int | None
    bytes: int | None
    half_made: int
    problem: str
    hold: Hold | None
    breakers: ServerBreakers

    @property
    def is_refused(self) -> bool:
        """Whether a breaker, of any process, does so by itself."""
        worst = self.breakers.worst
        return self.hold is None and worst is not None and worst.state is not BreakerState.CLOSED

    @property
    def is_nearly_full(self) -> bool:
        """Whether it is time for another one."""
        return self.tenants >= self.role_cap * _NEARLY


@dataclass(frozen=True, slots=True)
class SchemaLook:
    """One tenant's schema on a page: its size, and what is wrong with it."""

    bytes: int | None
    tables: int | None
    phase: str
    lacks: tuple[str, ...]
    problem: str


def look_at_shards() -> list[ShardLook]:
    """All shards by name.

    Whether they answer is asked anew; sizes, which cost a server more, may be a minute old. Takes
    as long as a page may wait for shards, at most.
    """
    rows = list(
        Shard.objects.using(CONTROL)
        .annotate(
            tenants=Count("placements"),
            moving=Count("placements", filter=Q(placements__state=PlacementState.MOVING)),
        )
        .order_by("name")
    )
    servers = registry().shards
    known = {row.name: servers[row.name] for row in rows if row.name in servers}
    kept = _kept("survey", known)
    pings: dict[str, Question] = {f"ping {n}": partial(_ping, s) for n, s in known.items()}
    surveys: dict[str, Question] = {
        f"survey {n}": partial(_remembered, "survey", n, partial(_survey, s))
        for n, s in known.items()
        if n not in kept
    }
    answers = ask_all({**pings, **surveys})
    breakers = server_breakers()
    return [
        _look(
            row,
            known.get(row.name),
            breakers.get(row.name, ServerBreakers()),
            answers.get(f"ping {row.name}", {"problem": _SILENT}),
            kept.get(row.name) or answers.get(f"survey {row.name}", {}),
        )
        for row in rows
    ]


def look_at_schema(placement: Placement) -> SchemaLook:
    """A tenant's schema on its shard, at most a minute old."""
    schema, shard = placement.schema, placement.shard_id
    server = registry().shards.get(shard)
    if server is None:
        return _no_schema("Its shard has no address in this machine's registry")
    # By shard too: a schema keeps its name when it moves.
    key = f"{shard}/{schema}"
    found = _kept("schema", [key]).get(key)
    if found is None:
        question = partial(_remembered, "schema", key, partial(_describe, server, schema))
        found = ask_all({f"schema {key}": question}).get(f"schema {key}", {"problem": _SILENT})
    if found["problem"]:
        return _no_schema(f"Its shard {shard} {found['problem']}")
    return SchemaLook(**{**found, "lacks": tuple(found["lacks"])})


def _look(
    row: Any,
    server: Server | None,
    breakers: ServerBreakers,
    ping: dict[str, Any],
    found: dict[str, Any],
) -> ShardLook:
    problem = ping["problem"] or found.get("problem", "")
    if server is None:
        problem = "has no address in this machine's registry"
    return ShardLook(
        name=row.name,
        state=row.state,
        address=str(server.direct) if server else "",
        tenants=row.tenants,
        moving=row.moving,
        role_cap=cap_of(row),
        major=found.get("major"),
        roles=found.get("roles"),
        bytes=found.get("bytes"),
        half_made=found.get("half_made", 0),
        problem=problem,
        hold=row.hold,
        breakers=breakers,
    )


def _kept(kind: str, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    keys = {_key(kind, name): name for name in names}
    return {keys[key]: value for key, value in caches["control"].get_many(list(keys)).items()}


def _remembered(kind: str, name: str, question: Question) -> dict[str, Any]:
    """Ask, and keep a good answer; also one that comes too late for the page that asked."""
    answer = question()
    if not answer["problem"]:
        seconds = console_settings().sizes_kept.total_seconds()
        caches["control"].set(_key(kind, name), answer, timeout=seconds)
    return answer


def _key(kind: str, name: str) -> str:
    return f"console:{kind}:{name}"


def _survey(server: Server) -> dict[str, Any]:
    try:
        found = survey(server)
    except (ServerUnreachable, psycopg.Error) as error:
        return {"problem": _why(error)}
    return {
        "problem": why_refused(server, found.incarnation, found.in_recovery) or "",
        "major": found.major,
        "roles": found.roles,
        "bytes": found.bytes,
        "half_made": len(found.half_made),
    }


def _describe(server: Server, schema: str) -> dict[str, Any]:
    try:
        found = describe(server, schema)
    except (ServerUnreachable, psycopg.Error) as error:
        return {"problem": _why(error)}
    return {
        "problem": "",
        "bytes": found.bytes if found.exists else None,
        "tables": len(found.tables) if found.exists else None,
        "phase": str(found.marker.phase) if found.marker else "",
        "lacks": list(found.lacks),
    }


def _ping(server: Server) -> dict[str, Any]:
    # The way that requests of tenants go: a pooler that is away is as bad as its server.
    try:
        with login_connection(server, server.pooled, server.web, BRIEF) as connection:
            connection.execute(_PING)
    except (ServerUnreachable, psycopg.Error) as error:
        return {"problem": _why(error)}
    return {"problem": ""}


def _why(error: Exception) -> str:
    if isinstance(error, ServerUnreachable):
        return f"does not answer: {error.reason}"
    if isinstance(error, psycopg.errors.UndefinedTable):
        return "is not prepared: run add_shard again"
    return f"answers with an error: {without_rows(error)}"


def _no_schema(problem: str) -> SchemaLook:
    return SchemaLook(bytes=None, tables=None, phase="", lacks=(), problem=problem)
