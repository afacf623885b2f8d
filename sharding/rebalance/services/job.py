"""The journal of a rebalance: what it is to do, what became of each step, who works on it."""

import os
import secrets
import socket
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

import psycopg
from django.db import IntegrityError, models, transaction
from django.db.models import F, Max, Q
from django.db.models.functions import Now

from sharding.placements.services.audit import record_audit, who_acts
from sharding.rebalance.core.plans import Step
from sharding.rebalance.errors import (
    NoRebalance,
    OtherPlan,
    RebalanceUnderWay,
    WrongRebalanceState,
)
from sharding.rebalance.models import CONTROL, Rebalance, RebalanceStep
from sharding.rebalance.services.planning import Look, kept_plan, kept_step
from sharding.rebalance.states import ENDS, TRANSITIONS, RebalanceState, StepState

LEASE_FOR: Final = timedelta(seconds=15)
"""So long after its worker has died a rebalance waits for another one; renewed four times as often.
Nothing that must be right depends on it: each move has a lease and tokens of its own."""

_REFUSED: Final = "one_live_rebalance"


def propose(look: Look, asked: dict[str, Any]) -> Rebalance:
    """Write a plan down, to be looked at; nothing is begun.

    asked: what `look` was made with; it is planned anew with the same.

    Transaction: opens one on control.

    Raises:
        RebalanceUnderWay: one has not ended. Nothing was written.
    """
    try:
        with transaction.atomic(using=CONTROL):
            made = Rebalance.objects.using(CONTROL).create(
                asked=asked,
                asked_by=who_acts(),
                plan=kept_plan(look.plan),
                world_key=look.seen.key,
            )
            _add(made, look.plan.steps)
            record_audit("rebalance.propose", str(made.pk), after=_facts(made))
    except IntegrityError as error:
        cause = error.__cause__
        if (
            not isinstance(cause, psycopg.errors.UniqueViolation)
            or cause.diag.constraint_name != _REFUSED
        ):
            raise
        other = live()
        raise RebalanceUnderWay(
            other.pk if other else 0, other.state if other else "just ending"
        ) from error
    return made


def live() -> Rebalance | None:
    """The one that has not ended."""
    return Rebalance.objects.using(CONTROL).exclude(state__in=sorted(ENDS)).first()


def live_or_refuse() -> Rebalance:
    """The one that has not ended.

    Raises:
        NoRebalance: all have.
    """
    found = live()
    if found is None:
        raise NoRebalance
    return found


def approve(number: int, *, plan_id: str) -> Rebalance:
    """Have a plan carried out, if it is the one that was looked at.

    Raises:
        NoRebalance, OtherPlan, WrongRebalanceState: nothing was changed.
    """
    with transaction.atomic(using=CONTROL):
        row = _locked(number)
        if row.plan.get("id") != plan_id:
            raise OtherPlan(number)
        return _become(row, RebalanceState.RUNNING, began_at=Now())


def change(number: int, to: RebalanceState) -> Rebalance:
    """Pause one, let it go on, stop it after what is under way.

    Locks: its row.
    Transaction: opens one on control.
    Idempotent: one that is so already stays so.

    Raises:
        NoRebalance, WrongRebalanceState: nothing was changed.
    """
    with transaction.atomic(using=CONTROL):
        row = _locked(number)
        if to is RebalanceState.STOPPING and row.state == RebalanceState.PROPOSED:
            # There is nothing that could be under way.
            return _become(row, RebalanceState.STOPPED, ended_at=Now())
        if row.state == to:
            return row
        if row.state == RebalanceState.PROPOSED:
            # Only who has seen its plan lets it begin.
            raise WrongRebalanceState(number, found=row.state, wanted=to)
        return _become(row, to)


def end(number: int) -> Rebalance:
    """Say that nothing is left to do, or that it was stopped."""
    with transaction.atomic(using=CONTROL):
        row = _locked(number)
        stopped = row.state == RebalanceState.STOPPING
        if stopped:
            left = row.steps.using(CONTROL).filter(state=StepState.WAITING)
            left.update(state=StepState.SKIPPED, said="it was stopped", ended_at=Now())
        to = RebalanceState.STOPPED if stopped else RebalanceState.DONE
        return _become(row, to, ended_at=Now(), holder="", held_until=None)


def _locked(number: int) -> Rebalance:
    row = Rebalance.objects.using(CONTROL).select_for_update().filter(pk=number).first()
    if row is None:
        raise NoRebalance
    return row


def _become(row: Rebalance, to: RebalanceState, **more: Any) -> Rebalance:
    found = RebalanceState(row.state)
    if to not in TRANSITIONS[found]:
        raise WrongRebalanceState(row.pk, found=found, wanted=to)
    Rebalance.objects.using(CONTROL).filter(pk=row.pk).update(state=to, said="", **more)
    row.refresh_from_db(using=CONTROL)
    record_audit(f"rebalance.{to}", str(row.pk), before={"state": str(found)}, after=_facts(row))
    return row


def replace_steps(row: Rebalance, look: Look) -> None:
    """Put a new plan in the place of what is left of the old one.

    Steps that are in both stay as they are; those of the old one that are not are skipped.

    Transaction: opens one on control.
    """
    wanted = {(step.tenant_id, step.source, step.target): step for step in look.plan.steps}
    dropped = {left.tenant_id: left for left in look.plan.left}
    with transaction.atomic(using=CONTROL):
        waiting = row.steps.using(CONTROL).filter(state=StepState.WAITING)
        for step in waiting:
            key = (step.tenant_id, step.source, step.target)
            if wanted.pop(key, None) is not None:
                continue
            left = dropped.get(step.tenant_id)
            why = (left.detail or str(left.why)) if left else "it has no reason any more"
            waiting.filter(pk=step.pk).update(
                state=StepState.SKIPPED, said=f"planned anew: {why}", ended_at=Now()
            )
        Rebalance.objects.using(CONTROL).filter(pk=row.pk).update(
            plan=kept_plan(look.plan), plans=F("plans") + 1, world_key=look.seen.key
        )
        reread(row)
        _add(row, wanted.values())
        record_audit("rebalance.replan", str(row.pk), after=_facts(row))


def _add(row: Rebalance, steps: Iterable[Step]) -> None:
    most = row.steps.using(CONTROL).aggregate(most=Max("number"))["most"] or 0
    RebalanceStep.objects.using(CONTROL).bulk_create(
        RebalanceStep(
            rebalance=row,
            number=number,
            plan=row.plans,
            tenant_id=step.tenant_id,
            source=step.source,
            target=step.target,
            reason=step.reason,
            bytes=step.bytes,
            load=step.load,
            planned=kept_step(step),
        )
        for number, step in enumerate(steps, start=most + 1)
    )


def claim() -> Rebalance | None:
    """Work on the one that is to be worked on, if nobody does; its `holder` is us then.

    Time is control's clock, so the clocks of the machines that compete do not matter.
    """
    row = live()
    if row is None or row.state == RebalanceState.PROPOSED:
        return None
    me = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    free = Rebalance.objects.using(CONTROL).filter(
        Q(held_until=None) | Q(held_until__lt=Now()), pk=row.pk, state=row.state
    )
    if not free.update(holder=me, held_until=Now() + LEASE_FOR):
        return None
    row.refresh_from_db(using=CONTROL)
    return row


def reread(row: Rebalance) -> None:
    """What others may have changed; not who works on it, since we go by who we are."""
    row.refresh_from_db(using=CONTROL, fields=["state", "asked", "plan", "plans", "world_key"])


def renew(row: Rebalance) -> bool:
    """Begin the time anew; False: somebody else works on it, or it has ended."""
    return bool(_mine(row).update(held_until=Now() + LEASE_FOR))


def give_back(row: Rebalance) -> None:
    """Let others work on it."""
    _mine(row).update(holder="", held_until=None)


def say(row: Rebalance, sentence: str) -> None:
    """What it does now, for those who look at it."""
    if row.said != sentence:
        row.said = sentence
        _mine(row).update(said=sentence)


def _mine(row: Rebalance) -> models.QuerySet[Rebalance]:
    return Rebalance.objects.using(CONTROL).filter(pk=row.pk, holder=row.holder)


def _facts(row: Rebalance) -> dict[str, object]:
    summary = row.plan.get("summary", {})
    return {
        "state": str(row.state),
        "plan": row.plan.get("id", ""),
        "moves": summary.get("moves", 0),
        "bytes": summary.get("bytes", 0),
    }
