"""Carry a rebalance out: many moves, some at a time, by whichever worker is alive.

What was begun is written down before it is begun, and each move has a journal of its own. So a
worker may be killed at any point: the next one asks what became of the moves that were under way,
and goes on with the rest. Before each move it is looked again whether it still is right, and when
shards, pins or groups have changed, or a shard went away, the rest is planned anew.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
from typing import Final

from django.db import DatabaseError, connections, models
from django.db.models import F
from django.db.models.functions import Now

from sharding.figures import counted
from sharding.placements.models import Shard
from sharding.pools.outages import without_rows
from sharding.rebalance import ports
from sharding.rebalance.conf import rebalance_settings
from sharding.rebalance.core.standing import why_not_now
from sharding.rebalance.core.types import Policy, World
from sharding.rebalance.models import CONTROL, Rebalance, RebalanceStep
from sharding.rebalance.ports import Ended, Outcome, Tell
from sharding.rebalance.services import job
from sharding.rebalance.services.ahead import make_roles_ahead
from sharding.rebalance.services.planning import look, step_of
from sharding.rebalance.services.world import policy, see_world, world_key
from sharding.rebalance.states import STEP_ENDS, RebalanceState, StepState

SLICE: Final = timedelta(seconds=60)
"""A worker begins no move after so long, and has the next task go on: its queue has other work."""
_TRIES: Final = 3
_LOOKS_S: Final = 5.0
"""So often it looks whether the world has changed, and what became of moves that are held."""
_BEAT_S: Final = 0.5


def work_on_rebalance(*, within: timedelta = SLICE, tell: Tell = lambda line: None) -> bool:
    """Go on with the rebalance that is under way, for a while; whether there is more to do.

    Locks: the rebalance's lease.
    Transaction: opens many on control; forbids an open one.
    Idempotent: whoever finds nothing to do does nothing.

    Raises:
        DatabaseError: control is away. What was begun is found by the next run.
    """
    row = job.claim()
    if row is None:
        return False
    with _kept(row) as lost:
        return _Runner(row, lost, tell).run(until=monotonic() + within.total_seconds())


@contextmanager
def _kept(row: Rebalance) -> Iterator[threading.Event]:
    """Renew the lease meanwhile, and give it back; the event: somebody else has it."""
    over, lost = threading.Event(), threading.Event()

    def keep() -> None:
        try:
            while not over.wait(job.LEASE_FOR.total_seconds() / 4):
                try:
                    if not job.renew(row):
                        lost.set()
                        return
                except DatabaseError:
                    # It may be back before the time is up.
                    continue
        finally:
            connections.close_all()

    keeper = threading.Thread(target=keep, name=f"lease of rebalance {row.pk}", daemon=True)
    keeper.start()
    try:
        yield lost
    finally:
        over.set()
        keeper.join()
        job.give_back(row)


class _Runner:
    def __init__(self, row: Rebalance, lost: threading.Event, tell: Tell) -> None:
        self._row = row
        self._lost = lost
        self._tell = tell
        self._moving: dict[Future[None], RebalanceStep] = {}
        self._roles_for = 0
        self._has_begun = False
        self._looked_at = float("-inf")

    def run(self, *, until: float) -> bool:
        """Whether there is more to do."""
        with ThreadPoolExecutor(rebalance_settings().at_once) as threads:
            while not self._lost.is_set():
                self._collect()
                job.reread(self._row)
                self._look_around()
                begins = self._row.state == RebalanceState.RUNNING and monotonic() < until
                begun = begins and self._begin_next(threads)
                if not self._moving and not begun:
                    break
                if not begun:
                    wait(self._moving, timeout=_BEAT_S, return_when=FIRST_COMPLETED)
            for future in self._moving:
                future.result()
        if self._lost.is_set():
            return False
        return self._how_it_stands()

    def _how_it_stands(self) -> bool:
        states = Counter(self._steps().values_list("state", flat=True))
        under_way = states[StepState.MOVING] + states[StepState.HELD]
        waiting = states[StepState.WAITING]
        row = self._row
        if under_way:
            job.say(row, f"waits for {counted(under_way, 'move')} to end")
        elif row.state == RebalanceState.STOPPING or not waiting:
            ended = job.end(row.pk) if row.state != RebalanceState.PAUSED else row
            self._tell(f"rebalance {row.pk} is {ended.state}")
            return False
        # Where nothing could begin, asking again at once would not help; beat does it later.
        return row.state == RebalanceState.RUNNING and bool(waiting) and self._has_begun

    def _look_around(self) -> None:
        """Now and then: what became of moves that nobody here works on; is the plan still right."""
        if monotonic() - self._looked_at < _LOOKS_S:
            return
        self._looked_at = monotonic()
        ours = {step.pk for step in self._moving.values()}
        for step in self._steps().filter(state__in=[StepState.MOVING, StepState.HELD]):
            if step.pk not in ours:
                self._settle(step)
        if self._row.state == RebalanceState.RUNNING and world_key() != self._row.world_key:
            self._plan_anew()

    def _plan_anew(self) -> None:
        waiting = self._steps().filter(state=StepState.WAITING)
        made = look(self._row.asked, standing=[step_of(step.planned) for step in waiting])
        job.replace_steps(self._row, made)
        left = counted(made.plan.summary.moves, "move")
        self._tell(f"the world has changed: planned anew, {left} left")

    def _settle(self, step: RebalanceStep) -> None:
        """What became of a move that was begun by somebody who is gone, or that is held."""
        assert step.began_at is not None, "it was begun"
        outcome = ports.mover.outcome_of(step.tenant_id, step.target, since=step.began_at)
        if outcome is None:
            # Whoever wrote down that it begins has not begun it.
            self._mark(step, StepState.WAITING, said="")
        elif outcome.ended is not Ended.HELD or outcome.said:
            self._note(step, outcome)

    def _begin_next(self, threads: ThreadPoolExecutor) -> bool:
        """Begin one move, if one may begin now; those that are not right any more are skipped."""
        if len(self._moving) >= rebalance_settings().at_once:
            return False
        busy = Counter(shard for step in self._under_way() for shard in (step.source, step.target))
        limits = dict(Shard.objects.using(CONTROL).values_list("name", "moves_at_once"))
        self._make_roles()
        seen: tuple[World, Policy] | None = None
        # Those that somebody was in the way of come last.
        for step in self._steps().filter(state=StepState.WAITING).order_by("tries", "number"):
            if any(busy[shard] >= limits.get(shard, 0) for shard in (step.source, step.target)):
                continue
            seen = seen or self._see()
            why = why_not_now(step_of(step.planned), *seen)
            if why:
                self._mark(step, StepState.SKIPPED, said=why)
                self._tell(f"{_told(step)} is left: {why}")
                continue
            # Looking took a while: somebody may have paused it meanwhile.
            begun = self._steps().filter(
                pk=step.pk, state=StepState.WAITING, rebalance__state=RebalanceState.RUNNING
            )
            if begun.update(state=StepState.MOVING, began_at=Now(), tries=F("tries") + 1):
                step.refresh_from_db(using=CONTROL)
                self._has_begun = True
                self._moving[threads.submit(self._move, step)] = step
                job.say(self._row, f"moves {counted(len(self._moving), 'tenant')}")
                return True
        return False

    def _see(self) -> tuple[World, Policy]:
        begun = {each.tenant_id: each.target for each in self._under_way()}
        return see_world(moving=begun).world, policy(self._row.asked)

    def _make_roles(self) -> None:
        """Once per plan, all that it needs on each server in one batch."""
        if self._roles_for == self._row.plans:
            return
        self._roles_for = self._row.plans
        waiting = self._steps().filter(state=StepState.WAITING)
        for target, why in make_roles_ahead(waiting).items():
            waiting.filter(target=target).update(state=StepState.SKIPPED, said=why, ended_at=Now())
            self._tell(f"nobody is moved to {target}: {why}")

    def _move(self, step: RebalanceStep) -> None:
        """In a thread of its own."""
        try:
            self._tell(f"{_told(step)} goes to {step.target}")
            outcome = ports.mover.move(
                step.tenant_id, step.target, asked_by=f"rebalance {self._row.pk}"
            )
            self._note(step, outcome)
        finally:
            connections.close_all()

    def _note(self, step: RebalanceStep, outcome: Outcome) -> None:
        again = outcome.may_try_again and step.tries < _TRIES
        match outcome.ended:
            case Ended.MOVED:
                state = StepState.DONE
            case Ended.HELD:
                state = StepState.HELD
            case _:
                state = StepState.WAITING if again else StepState.FAILED
        self._mark(
            step, state, said=outcome.said, move_id=outcome.move_id, pause_ms=outcome.pause_ms
        )
        self._tell(" ".join([f"{_told(step)} is {state}", outcome.said]).strip())

    def _mark(self, step: RebalanceStep, state: StepState, *, said: str, **more: object) -> None:
        ended = Now() if state in STEP_ENDS else None
        RebalanceStep.objects.using(CONTROL).filter(pk=step.pk).update(
            state=state, said=said, ended_at=ended, **more
        )

    def _collect(self) -> None:
        """Moves that have ended; what a server's error has left of one is found by `_settle`."""
        for future in [each for each in self._moving if each.done()]:
            step = self._moving.pop(future)
            error = future.exception()
            if error is not None:
                self._tell(f"{_told(step)}: {without_rows(error)}")
                raise error

    def _under_way(self) -> list[RebalanceStep]:
        return list(self._steps().filter(state__in=[StepState.MOVING, StepState.HELD]))

    def _steps(self) -> models.QuerySet[RebalanceStep]:
        return RebalanceStep.objects.using(CONTROL).filter(rebalance_id=self._row.pk)


def _told(step: RebalanceStep) -> str:
    """As people know it."""
    return f"{step.number}. {ports.names_of([step.tenant_id])[step.tenant_id]}"
