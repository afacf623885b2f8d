"""A rebalance as people look at it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Case, Count, Sum, Value, When

from sharding.rebalance import ports
from sharding.rebalance.errors import NoRebalance
from sharding.rebalance.models import CONTROL, Rebalance, RebalanceStep
from sharding.rebalance.states import StepState

_UNDER_WAY_FIRST: Final = (StepState.MOVING, StepState.HELD, StepState.FAILED, StepState.WAITING)
_RANK: Final = Case(
    *(When(state=state, then=Value(rank)) for rank, state in enumerate(_UNDER_WAY_FIRST)),
    default=Value(len(_UNDER_WAY_FIRST)),
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far one is.

    Attributes:
        states: how many steps are in which state.
        bytes, bytes_done: of all steps that were not skipped; of those that are done.
    """

    number: int
    state: str
    said: str
    asked_by: str
    plans: int
    states: dict[str, int]
    bytes: int
    bytes_done: int
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


@dataclass(frozen=True, slots=True, kw_only=True)
class RebalanceLook(Progress):
    """All of it.

    Attributes:
        plan: as the planner told it.
    """

    steps: tuple[StepLook, ...]
    plan: dict[str, Any]

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
    """One, or the newest: all of it.

    Raises:
        NoRebalance: there is none.
    """
    row = _find(number)
    return RebalanceLook(**_facts(row), steps=steps_of(row.pk), plan=row.plan)


def progress_of(number: int | None = None) -> Progress:
    """How far one is, or the newest, for those who ask often: it reads no plan and no step.

    Raises:
        NoRebalance: there is none.
    """
    return Progress(**_facts(_find(number, unread=("plan", "asked"))))


def plan_of(number: int) -> dict[str, Any]:
    """The newest plan of one, as the planner told it.

    Raises:
        NoRebalance: it is not there.
    """
    plan: dict[str, Any] = _find(number).plan
    return plan


def steps_of(number: int, *, most: int | None = None) -> tuple[StepLook, ...]:
    """The steps of one in their order; `most`: so many, what is under way first."""
    steps = RebalanceStep.objects.using(CONTROL).filter(rebalance=number).order_by("number")
    if most is not None:
        steps = steps.order_by(_RANK, "number")[:most]
    rows = list(steps)
    names = ports.names_of({step.tenant_id for step in rows})
    return tuple(
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
        for step in rows
    )


def _find(number: int | None, *, unread: Collection[str] = ()) -> Rebalance:
    rows = Rebalance.objects.using(CONTROL).defer(*unread).order_by("-pk")
    row = (rows if number is None else rows.filter(pk=number)).first()
    if row is None:
        raise NoRebalance
    return row


def _facts(row: Rebalance) -> dict[str, Any]:
    steps = RebalanceStep.objects.using(CONTROL).filter(rebalance=row).order_by()
    counted = {
        state: (number, size)
        for state, number, size in steps.values_list("state").annotate(Count("pk"), Sum("bytes"))
    }
    sizes = {state: size for state, (_, size) in counted.items()}
    return {
        "number": row.pk,
        "state": row.state,
        "said": row.said,
        "asked_by": row.asked_by,
        "plans": row.plans,
        "states": {state: number for state, (number, _) in counted.items()},
        "bytes": sum(sizes.values()) - sizes.get(StepState.SKIPPED, 0),
        "bytes_done": sizes.get(StepState.DONE, 0),
        "made_at": row.made_at,
        "began_at": row.began_at,
        "ended_at": row.ended_at,
    }
