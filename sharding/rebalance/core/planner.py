"""Which tenants to move, in which order, and why not the others. Pure.

In rounds, until one changes nothing: who must leave, then what is too full, then what is too empty.
So a plan's end is at rest: made again after its last move, there is nothing left to do.

Each move that nobody ordered takes the highest of the ratios that it changes down. So every prefix
of a plan is an improvement, and one that is stopped leaves shards more even than they were.

Source: docs/adr/0023; Citus (thresholds, what was left alone), Cruise Control (hard goals
before soft ones) and Vitess (steps shown before they are done).
"""

from collections.abc import Sequence
from typing import Final

from sharding.rebalance.core.cover import TOLERANCE, Cover, Wish
from sharding.rebalance.core.fitting import Fitting
from sharding.rebalance.core.forced import must_leave
from sharding.rebalance.core.ledger import Ledger, Three
from sharding.rebalance.core.levels import water_levels
from sharding.rebalance.core.plans import LeftAlone, Plan, Step, Why, WhyNot
from sharding.rebalance.core.report import Done, write_plan
from sharding.rebalance.core.standing import why_dropped
from sharding.rebalance.core.types import Policy, World

_ROUNDS: Final = 12
_PASSES: Final = 3


def plan(world: World, policy: Policy | None = None, *, standing: Sequence[Step] = ()) -> Plan:
    """What to move so that every shard has about its fair share.

    standing: the steps that are left of a plan that is being carried out. Those that still are
        right come first, as they were; so a plan that is made anew in the middle is the rest of
        the old one, and more only where the world has changed.

    Deterministic: the same input makes the same plan, on every machine.
    """
    return plan_in(Ledger(world, policy or Policy()), world, standing=standing)


def plan_in(ledger: Ledger, world: World, *, standing: Sequence[Step] = ()) -> Plan:
    """As `plan`, in a ledger of that world; in it the moves of the plan are made."""
    planner = _Planner(ledger)
    planner.keep(standing)
    for _ in range(_ROUNDS):
        before = len(planner.done)
        planner.force()
        planner.shed()
        planner.fill()
        if len(planner.done) == before:
            break
    return write_plan(world, ledger, planner.done, planner.left)


class _Planner:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._fitting = Fitting(ledger)
        self.done: list[Done] = []
        self.left: dict[str, LeftAlone] = {}
        self._ordered: set[int] = set()

    def keep(self, standing: Sequence[Step]) -> None:
        ledger = self._ledger
        for step in standing:
            dropped = why_dropped(ledger, step)
            if dropped:
                self.left[step.tenant_id] = LeftAlone(
                    step.source, WhyNot.CHANGED, tenant_id=step.tenant_id, detail=dropped
                )
                continue
            tenant, target = ledger.number[step.tenant_id], ledger.index[step.target]
            why = Why.SHED if step.why is Why.HARD_LIMIT else step.why
            source = ledger.home[tenant]
            self._do(Done(tenant, source, target, why, step.dimension, step.gain))

    def force(self) -> None:
        ledger, find = self._ledger, self._fitting.find
        for tenant, why in must_leave(ledger):
            self._ordered.add(tenant)
            if (held := ledger.held[tenant]) is not None:
                self._leave(tenant, held)
                continue
            if ledger.stays[tenant] is WhyNot.PINNED and why is Why.APART:
                self._leave(tenant, WhyNot.PINNED)
                continue
            target = find(tenant, ledger.low, ledger.open)
            if target is None:
                target = find(tenant, ledger.hard, ledger.open)
            if target is None:
                left = self._fitting.why_none(tenant, ledger.hard, WhyNot.NO_ROOM)
                self.left[left.tenant_id] = left
            else:
                self._do(Done(tenant, ledger.home[tenant], target, why))

    def shed(self) -> None:
        ledger, limits = self._ledger, (self._ledger.low, self._ledger.high)
        for _ in range(_PASSES):
            before = len(self.done)
            over = ledger.by_ratio(
                at for at in ledger.live if ledger.exceeds(at, ledger.high[at], TOLERANCE)
            )
            pool = list(ledger.open)
            for at in over:
                pool[at] = False
            for at in over:
                self._cover(Wish(at, ledger.low[at], pool, limits), Why.SHED)
                pool[at] = True
            if len(self.done) == before:
                break

    def fill(self) -> None:
        ledger, policy = self._ledger, self._ledger.policy
        under = {at for at in ledger.live if ledger.ratio(at) < 1 - policy.enter}
        if not under:
            return
        givers = [at for at in ledger.live if at not in under]
        levels = water_levels(ledger, givers, under)
        pool = [False] * len(ledger.shards)
        for at in under:
            pool[at] = True
        for at in ledger.by_ratio(givers):
            fair = ledger.fair[at]
            level: Three = (levels[0] * fair[0], levels[1] * fair[1], levels[2] * fair[2])
            self._cover(Wish(at, level, pool, (ledger.even,)), Why.FILL)
            for each in under:
                pool[each] = ledger.ratio(each) < 1 - policy.leave

    def _cover(self, wish: Wish, why: Why) -> None:
        cover = Cover(self._ledger, self._fitting, wish)
        cover.choose()
        names = self._ledger.tenants
        # Why somebody's order cannot be followed says more than that balance moves it neither.
        self.left.update(
            {
                names[at].tenant_id: left
                for at, left in cover.left.items()
                if at not in self._ordered
            }
        )
        for choice in cover.chosen:
            tenant, target = choice.tenant, choice.target
            self._note(Done(tenant, wish.source, target, why, choice.dimension, choice.gain))

    def _do(self, done: Done) -> None:
        self._ledger.move(done.tenant, done.target)
        self._note(done)

    def _note(self, done: Done) -> None:
        self._ledger.stays[done.tenant] = WhyNot.COOLDOWN
        self.left.pop(self._ledger.tenants[done.tenant].tenant_id, None)
        self.done.append(done)

    def _leave(self, tenant: int, why: WhyNot) -> None:
        ledger = self._ledger
        facts = ledger.tenants[tenant]
        self.left[facts.tenant_id] = LeftAlone(
            ledger.shards[ledger.home[tenant]].name,
            why,
            tenant_id=facts.tenant_id,
            detail=facts.busy or (f"to {facts.moving_to}" if facts.moving_to else ""),
        )
