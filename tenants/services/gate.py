"""Close the gate of a tenant that is being moved, in every process, and open it again."""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import transaction

from sharding.moves.types import GateReport
from sharding.placements.errors import WrongPlacementState
from sharding.placements.models import CONTROL, Placement, Process
from sharding.placements.services.audit import record_audit
from sharding.placements.services.placing import get_placement
from sharding.placements.services.processes import announce, live_processes
from sharding.placements.states import PlacementState
from tenants.directory.changes import announce_change
from tenants.gating.process import CLOSED, OPENED

HEARD_WITHIN: Final = timedelta(milliseconds=250)
"""How long to wait for a process that says nothing. One that is dead is taken for alive for some
seconds; one that is deaf meets the fence, and begins anew."""
_LOOKS_EVERY_S: Final = 0.003


class TenantGate:
    """The gate that `sharding.moves` closes and opens."""

    def close(self, tenant_id: str, *, within: timedelta) -> GateReport:
        return close_gate(tenant_id, within=within)

    def open(self, tenant_id: str) -> None:
        open_gate(tenant_id)


def close_gate(
    tenant_id: str, *, within: timedelta, heard_within: timedelta = HEARD_WITHIN
) -> GateReport:
    """Let nothing of this tenant begin anywhere, and wait until what is under way has ended.

    New requests wait, new tasks are put off. Returns as soon as all processes that answer say that
    nothing is under way any more, and after `within` in any case: the report tells what is left.

    Transaction: one on control for the announcement; forbids an open one.
    Idempotent: called again, it asks again.

    Raises:
        NoSuchPlacement: there is no such tenant.
        WrongPlacementState: it is not MOVING: who asks anew would be served. Nothing was told.
    """
    began = time.monotonic()
    placement = get_placement(tenant_id)
    if placement.state != PlacementState.MOVING:
        raise WrongPlacementState(tenant_id, found=placement.state, wanted="closed at its gate")
    told = _announce_closing(placement)
    while True:
        answers = _answers(tenant_id, told)
        waited = timedelta(seconds=time.monotonic() - began)
        if answers.nothing_inside and (answers.all_there or waited >= heard_within):
            break
        if waited >= within:
            break
        time.sleep(_LOOKS_EVERY_S)
    report = answers.report()
    record_audit(
        "tenant.gate.close",
        tenant_id,
        after={
            "epoch": placement.epoch,
            "processes": report.processes,
            "acknowledged": report.acknowledged,
            "in_flight": report.in_flight,
            "ms": waited // timedelta(milliseconds=1),
        },
    )
    return report


def open_gate(tenant_id: str) -> None:
    """Let everybody go on, where the tenant is now.

    Transaction: opens one on control.
    Idempotent.

    Raises:
        NoSuchPlacement: there is no such tenant.
    """
    placement = get_placement(tenant_id)
    with transaction.atomic(using=CONTROL):
        announce_change(tenant_id)
        announce(OPENED, tenant_id, epoch=placement.epoch)
        record_audit(
            "tenant.gate.open",
            tenant_id,
            after={"epoch": placement.epoch, "shard": placement.shard_id},
        )


def _announce_closing(placement: Placement) -> int:
    with transaction.atomic(using=CONTROL):
        # Both: who has heard of the gate forgets what it remembers of the tenant, too.
        announce_change(placement.tenant_id)
        told: int = announce(CLOSED, placement.tenant_id, epoch=placement.epoch).id
    return told


@dataclass(frozen=True, slots=True)
class _Answers:
    silent: tuple[Process, ...]
    inside: tuple[tuple[Process, int], ...]

    @property
    def all_there(self) -> bool:
        return not self.silent

    @property
    def nothing_inside(self) -> bool:
        return not any(number for _, number in self.inside)

    def report(self) -> GateReport:
        return GateReport(
            processes=len(self.silent) + len(self.inside),
            acknowledged=len(self.inside),
            in_flight=sum(number for _, number in self.inside),
            holders=tuple(
                f"{process.kind} {process.host}:{process.pid} has {number} under way."
                for process, number in self.inside
                if number
            ),
        )


def _answers(tenant_id: str, told: int) -> _Answers:
    silent, inside = [], []
    for process in live_processes():
        look = process.gates.get(tenant_id)
        if look is None or look["announcement"] < told:
            silent.append(process)
        else:
            inside.append((process, look["in_flight"]))
    return _Answers(tuple(silent), tuple(inside))
