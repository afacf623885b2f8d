"""All of the platform in a few numbers, and the processes that run it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Max
from django.utils import timezone

from sharding.placements.models import CONTROL, AuditEntry, Process, Shard
from sharding.placements.services.breakers import read_looks
from sharding.pools.breaker import BreakerLook
from tenants.models import Tenant
from tenants.states import TenantState

SILENT_AFTER: Final = timedelta(seconds=30)
"""A process beats every few seconds; one that is silent for so long has stopped, or hangs."""

_NEWEST: Final = 8


@dataclass(frozen=True, slots=True)
class ProcessLook:
    """One process on a page.

    Attributes:
        breakers: what this process holds of each server.
        is_behind: it uses an older registry than it should.
    """

    kind: str
    host: str
    pid: int
    started_at: datetime
    seen_at: datetime
    is_silent: bool
    registry_version: int
    is_behind: bool
    breakers: Mapping[str, BreakerLook]


@dataclass(frozen=True, slots=True)
class Overview:
    """What the first page shows."""

    tenants: Mapping[str, int]
    shards: int
    processes: int
    silent: int
    newest: Sequence[AuditEntry]


def look_at_all() -> Overview:
    """Control's own numbers; no shard is asked."""
    counted = dict(
        Tenant.objects.using(CONTROL).order_by().values_list("state").annotate(number=Count("*"))
    )
    processes = look_at_processes()
    return Overview(
        tenants={str(state): counted.get(state, 0) for state in TenantState},
        shards=Shard.objects.using(CONTROL).count(),
        processes=sum(not process.is_silent for process in processes),
        silent=sum(process.is_silent for process in processes),
        newest=list(AuditEntry.objects.using(CONTROL).order_by("-id")[:_NEWEST]),
    )


def look_at_processes() -> list[ProcessLook]:
    """All processes that were heard of in the last hour, by kind and place."""
    now = timezone.now()
    newest = Shard.objects.using(CONTROL).aggregate(v=Max("registry_version"))["v"] or 0
    rows = Process.objects.using(CONTROL).order_by("kind", "host", "pid", "started_at")
    return [
        ProcessLook(
            kind=row.kind,
            host=row.host,
            pid=row.pid,
            started_at=row.started_at,
            seen_at=row.seen_at,
            is_silent=row.seen_at < now - SILENT_AFTER,
            registry_version=row.registry_version,
            is_behind=row.registry_version < newest,
            breakers=dict(sorted(read_looks(row.breakers).items())),
        )
        for row in rows
    ]
