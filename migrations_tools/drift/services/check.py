"""Compare the directory with what is there."""

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from migrations_tools.drift.compare import READY, compare, only_lasting
from migrations_tools.drift.measured import judge, wanted_structure
from migrations_tools.drift.services.directory import read_directory
from migrations_tools.drift.services.measure import measure, name_differences
from migrations_tools.drift.services.survey import look_at_shards
from migrations_tools.drift.types import Directory, Finding, ShardSeen
from sharding.placements.errors import NoSuchShard
from sharding.placements.models import CONTROL, Shard
from sharding.registry.current import registry
from sharding.registry.types import Server

Tenants = Callable[[], Collection[str]]
"""The ids of all tenants, as the layer above knows them at the moment."""
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class DriftRequest:
    """What is to be compared.

    Attributes:
        tenants: only these ids; empty for all.
        shards: only these; empty for all.
        full: measure every schema too.
        known: asks the layer above for its tenants; None leaves that comparison out.
    """

    tenants: frozenset[str] = frozenset()
    shards: frozenset[str] = frozenset()
    full: bool = False
    known: Tenants | None = None


@dataclass(frozen=True, slots=True)
class DriftReport:
    """What was found.

    Attributes:
        shards: those that were looked at.
        schemas: how many schemas these have.
        measured: how many were measured.
    """

    findings: tuple[Finding, ...]
    shards: tuple[str, ...]
    schemas: int
    measured: int
    took: timedelta = field(default=timedelta())

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "findings": [finding.to_json() for finding in self.findings],
            "shards": list(self.shards),
            "schemas": self.schemas,
            "measured": self.measured,
            "seconds": round(self.took.total_seconds(), 3),
        }


def check_drift(request: DriftRequest, *, tell: Tell = lambda line: None) -> DriftReport:
    """Look at the shards and say what differs from the directory. Changes nothing.

    The directory is read before and after the look; what was only just made or dropped differs
    from one of the two, and is not told. Shards are looked at at once: one that is down costs
    seconds, and is a finding itself.

    Transaction: none; nothing is locked but catalogues, to be read.

    Raises:
        NoSuchShard: one of the names is no shard's.
    """
    began = time.monotonic()
    before = _directory(request)
    servers = _servers(request, before)
    tell(f"looking at {', '.join(sorted(servers)) or 'no shard'}")
    seen = look_at_shards(servers, schemas=request.tenants or None)
    after = _directory(request)
    findings = only_lasting(compare(before, seen), compare(after, seen))
    measured = 0
    if request.full:
        told, measured = _measure(after, seen, servers, tell)
        findings += told
    return DriftReport(
        findings=findings,
        shards=tuple(sorted(servers)),
        schemas=sum(one.exists for shard in seen for one in shard.schemas.values()),
        measured=measured,
        took=timedelta(seconds=time.monotonic() - began),
    )


def _directory(request: DriftRequest) -> Directory:
    directory = read_directory(None if request.known is None else request.known())
    if not request.tenants:
        return directory
    return Directory(
        placements={
            tenant_id: placed
            for tenant_id, placed in directory.placements.items()
            if tenant_id in request.tenants
        },
        incarnations=directory.incarnations,
        roles=directory.roles,
        tenants=None if directory.tenants is None else directory.tenants & request.tenants,
        spares=directory.spares,
    )


def _servers(request: DriftRequest, directory: Directory) -> dict[str, Server | None]:
    """All shards that control knows, or those asked for. A tenant may be on any."""
    addresses = registry().shards
    known = set(Shard.objects.using(CONTROL).values_list("name", flat=True))
    if unknown := request.shards - known:
        raise NoSuchShard(sorted(unknown), known=sorted(known))
    wanted = request.shards or known | {placed.shard for placed in directory.placements.values()}
    return {name: addresses.get(name) for name in wanted}


def _measure(
    directory: Directory, seen: Iterable[ShardSeen], servers: dict[str, Server | None], tell: Tell
) -> tuple[tuple[Finding, ...], int]:
    wanted: defaultdict[str, list[str]] = defaultdict(list)
    by_name = {shard.name: shard for shard in seen if not shard.problem and not shard.unprepared}
    for placed in directory.placements.values():
        shard = by_name.get(placed.shard)
        one = shard.schemas.get(placed.schema) if shard is not None else None
        if placed.state == READY and not placed.leased and one is not None and one.exists:
            wanted[placed.shard].append(placed.schema)
    for shard in by_name.values():
        wanted[shard.name] += (
            name
            for name in sorted(shard.schemas.keys() & directory.spares)
            if _is_spare(shard, name)
        )
    found: list[Finding] = []
    count = 0
    for name, schemas in sorted(wanted.items()):
        tell(f"measuring {len(schemas)} schemas of {name}")
        told, measured = _judge(by_name[name], servers[name], schemas)
        found += told
        count += measured
    return tuple(found), count


def _judge(
    shard: ShardSeen, server: Server | None, schemas: list[str]
) -> tuple[list[Finding], int]:
    assert server is not None, "a shard that was looked at has an address"
    found: list[Finding] = []
    count = 0
    for measured in measure(server, schemas):
        count += not measured.problem
        marker = shard.schemas[measured.schema].marker
        if marker is None:
            continue
        wanted = wanted_structure(marker, measured, major=shard.major)
        told = name_differences(server, measured, wanted) if wanted else measured
        judged = judge(marker, told, major=shard.major)
        if marker.spare:
            # Nobody misses it, and no tenant gets it as it is.
            mend = f"manage.py drop_left_over {shard.name} {measured.schema}"
            judged = (replace(finding, mend=mend) for finding in judged)
        found += judged
    return found, count


def _is_spare(shard: ShardSeen, name: str) -> bool:
    marker = shard.schemas[name].marker
    return marker is not None and bool(marker.spare)
