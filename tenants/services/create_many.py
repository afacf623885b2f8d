"""Make many tenants, a few at a time; what is there already is left as it is."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from enum import StrEnum
from time import monotonic
from typing import Any, Final

import psycopg
from django.db import DatabaseError, connections

from migrations_tools.errors import MigrationToolsError
from sharding.placements.errors import PlacementError
from sharding.pools.outages import without_rows
from sharding.registry.errors import RegistryError
from sharding.schemas.errors import SchemaError
from tenants.errors import TenantError
from tenants.services.create_list import Line
from tenants.services.provision import plan_provision, provision_tenant
from tenants.services.types import ProvisionRequest
from tenants.states import ProvisionState

MOST_AT_ONCE: Final = 8
"""More gain nothing: building is work of this process, and holds locks on the shard."""

GIVE_UP_AFTER: Final = 20
"""Failures in a row after which something is wrong that no further line would get round."""

_EXPECTED: Final = (
    TenantError,
    PlacementError,
    RegistryError,
    SchemaError,
    MigrationToolsError,
    DatabaseError,
    psycopg.Error,
)


class Outcome(StrEnum):
    """What became of a line."""

    CREATED = "created"
    """Made now, or finished now."""

    THERE = "there already"
    """An earlier run has made it."""

    PLANNED = "would be created"
    """A dry run: nothing stands against it."""

    FAILED = "failed"
    """Not made, or half; the error says why."""


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of one line.

    Attributes:
        seconds: how long it took.
    """

    line: Line
    outcome: Outcome
    tenant_id: str = ""
    shard: str = ""
    error: str = ""
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "line": self.line.number,
            "slug": self.line.slug,
            "outcome": str(self.outcome),
            "tenant_id": self.tenant_id or None,
            "shard": self.shard or None,
            "error": self.error or None,
        }


def create_many(
    lines: Sequence[Line], *, at_once: int, dry_run: bool = False
) -> Iterator[LineResult]:
    """Provision the tenant of every line and yield what became of it, as soon as that is known.

    A line that fails is told, and the others go on; after GIVE_UP_AFTER failures in a row nothing
    more is begun, and what is left is not told. Closing the iterator begins nothing more either,
    and waits for what is under way.

    Locks: each tenant's lease while it is made.
    Transaction: forbids an open one.
    Idempotent: what is there is left, what is half made is finished.
    """
    for line in lines:
        if line.request is None:
            yield LineResult(line, Outcome.FAILED, error=line.error)
    run = _plan if dry_run else _create
    pool = ThreadPoolExecutor(max_workers=min(at_once, MOST_AT_ONCE))
    in_a_row = 0
    try:
        begun = [pool.submit(_guarded, run, line, line.request) for line in lines if line.request]
        for result in _results(begun):
            yield result
            in_a_row = in_a_row + 1 if result.outcome is Outcome.FAILED else 0
            if in_a_row >= GIVE_UP_AFTER and not dry_run:
                return
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _results(begun: Sequence["Future[LineResult]"]) -> Iterator[LineResult]:
    for each in as_completed(begun):
        yield each.result()


def _guarded(run: Any, line: Line, request: ProvisionRequest) -> LineResult:
    began = monotonic()
    try:
        done: LineResult = run(line, request, began)
    except _EXPECTED as error:
        why = without_rows(error)
        return LineResult(line, Outcome.FAILED, error=why, seconds=monotonic() - began)
    finally:
        # They are this thread's, which nobody else would close.
        connections.close_all()
    return done


def _create(line: Line, request: ProvisionRequest, began: float) -> LineResult:
    receipt = provision_tenant(request)
    outcome = Outcome.CREATED if receipt.created else Outcome.THERE
    seconds = monotonic() - began
    return LineResult(line, outcome, receipt.tenant_id, receipt.placement.shard, seconds=seconds)


def _plan(line: Line, request: ProvisionRequest, began: float) -> LineResult:
    plan = plan_provision(request)
    outcome = Outcome.THERE if plan.done is ProvisionState.DONE else Outcome.PLANNED
    seconds = monotonic() - began
    return LineResult(line, outcome, plan.tenant_id, plan.shard, seconds=seconds)
