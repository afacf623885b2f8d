"""A rebalance as people look at it."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sharding.rebalance import ports
from sharding.rebalance.errors import NoRebalance
from sharding.rebalance.models import CONTROL, Rebalance, RebalanceStep
from sharding.rebalance.states import StepState


@dataclass(frozen=True, slots=True)
class StepLook:
    """One move of it.

    Attributes:
        copy_seconds: as it was predicted; None: an earlier release has planned it.
        warnings: what to know before it is done, a sentence each.
    """

    number: int
    tenant_id: str
    tenant: str
    source: str
    target: str
    reason: str
    bytes: int
    state: str
    move_id: int | None
    pause_ms: float | None
    said: str
    copy_seconds: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RebalanceLook:
    """All of it.

    Attributes:
        states: how many steps are in which state.
        bytes, bytes_done: of all steps that were not skipped; of those that are done.
        plan: as the planner told it.
    """

    number: int
    state: str
    said: str
    asked_by: str
    plans: int
    states: dict[str, int]
    bytes: int
    bytes_done: int
    steps: tuple[StepLook, ...]
    plan: dict[str, Any]
    made_at: datetime
    began_at: datetime | None
    ended_at: datetime | None

    @property
    def moves(self) -> int:
        """Steps that were not skipped."""
        return sum(self.states.values()) - self.states.get(StepState.SKIPPED, 0)

    @property
    def ended(self) -> int:
        """Of these, how many have ended."""
        return self.states.get(StepState.DONE, 0) + self.states.get(StepState.FAILED, 0)

    def to_json(self) -> dict[str, Any]:
        """As plain data, without the plan's own steps."""
        return {
            "number": self.number,
            "state": self.state,
            "said": self.said,
            "asked_by": self.asked_by,
            "plan": self.plan.get("id", ""),
            "plans": self.plans,
            "moves": self.moves,
            "ended": self.ended,
            "states": self.states,
            "bytes": self.bytes,
            "bytes_done": self.bytes_done,
            "steps": [
                {name: getattr(step, name) for name in step.__slots__} for step in self.steps
            ],
            "made_at": self.made_at.isoformat(),
            "began_at": self.began_at.isoformat() if self.began_at else None,
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
        }


def show(number: int | None = None) -> RebalanceLook:
    """One, or the newest.

    Raises:
        NoRebalance: there is none.
    """
    rows = Rebalance.objects.using(CONTROL).order_by("-pk")
    row = (rows if number is None else rows.filter(pk=number)).first()
    if row is None:
        raise NoRebalance
    steps = list(RebalanceStep.objects.using(CONTROL).filter(rebalance=row).order_by("number"))
    names = ports.names_of({step.tenant_id for step in steps})
    counted = [step for step in steps if step.state != StepState.SKIPPED]
    return RebalanceLook(
        number=row.pk,
        state=row.state,
        said=row.said,
        asked_by=row.asked_by,
        plans=row.plans,
        states=dict(Counter(step.state for step in steps)),
        bytes=sum(step.bytes for step in counted),
        bytes_done=sum(step.bytes for step in counted if step.state == StepState.DONE),
        steps=tuple(
            StepLook(
                step.number,
                step.tenant_id,
                names[step.tenant_id],
                step.source,
                step.target,
                step.reason,
                step.bytes,
                step.state,
                step.move_id,
                step.pause_ms,
                step.said,
                step.planned.get("copy_seconds"),
                tuple(step.planned.get("warnings", ())),
            )
            for step in steps
        ),
        plan=row.plan,
        made_at=row.made_at,
        began_at=row.began_at,
        ended_at=row.ended_at,
    )
