"""A plan, written out with its figures, from the moves that were decided on. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sharding.rebalance.core.cover import TOLERANCE
from sharding.rebalance.core.digests import digest_of, id_of
from sharding.rebalance.core.ledger import Ledger
from sharding.rebalance.core.plans import LeftAlone, Plan, Step, Summary, Why, WhyNot
from sharding.rebalance.core.types import DIMENSIONS, Dimension, Use, World

_LISTED: Final = 20
"""So many tenants of one shard and one reason are listed; all are counted."""


@dataclass(frozen=True, slots=True)
class Done:
    """A move that was decided on, in the ledger already."""

    tenant: int
    source: int
    target: int
    why: Why
    dimension: Dimension | None = None
    gain: float = 0.0


def write_plan(
    world: World, ledger: Ledger, done: Sequence[Done], left: Mapping[str, LeftAlone]
) -> Plan:
    """The plan of these moves. The ledger is as it is after as many of them as are in the plan."""
    for each in reversed(done):
        ledger.move(each.tenant, each.source)
    before, use_before = _ratios(ledger), _uses(ledger)
    kept = _within_budget(ledger, done)
    writer = _Writer(ledger)
    steps = tuple(writer.step(each) for each in kept)
    after = _ratios(ledger)
    everything = [*left.values(), *_stopped(ledger, left), *_of_shards(ledger)]
    if len(kept) < len(done):
        everything.append(_cut_off(ledger, done[len(kept)], len(kept), writer.total_bytes))
    digest = digest_of(world, ledger.policy)
    return Plan(
        id=id_of(digest, steps),
        digest=digest,
        steps=steps,
        left=tuple(_listed(ledger, everything)),
        summary=Summary(
            moves=len(steps),
            bytes=writer.total_bytes,
            copy_seconds=sum(step.copy_seconds for step in steps),
            worst_before=_worst(ledger, before),
            worst_after=_worst(ledger, after),
            left=dict(sorted(Counter(str(each.why) for each in everything).items())),
            cut_off=len(done) - len(kept),
        ),
        before=before,
        after=after,
        use_before=use_before,
        use_after=_uses(ledger),
    )


class _Writer:
    """Writes one step after the other, and makes each of them in the ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._live = frozenset(ledger.live)
        self._ratios = [ledger.ratio(at) if at in self._live else 0.0 for at in _all(ledger)]
        self._looks = [(ledger.ratios(at), ledger.use(at)) for at in _all(ledger)]
        self._number = 0
        self.total_bytes = 0

    def step(self, done: Done) -> Step:
        ledger, policy = self._ledger, self._ledger.policy
        facts = ledger.tenants[done.tenant]
        source, target = done.source, done.target
        why, value, limit = self._measured(done)
        (source_before, source_use), (target_before, target_use) = (
            self._looks[source],
            self._looks[target],
        )
        names = {"source": ledger.shards[source].name, "target": ledger.shards[target].name}
        copy_seconds, basis = policy.copied.predict(facts.bytes, **names, assumed=policy.copy_rate)
        ledger.move(done.tenant, target)
        for at in (source, target):
            self._looks[at] = ledger.ratios(at), ledger.use(at)
            if at in self._live:
                self._ratios[at] = ledger.ratio(at)
        self._number += 1
        self.total_bytes += facts.bytes
        return Step(
            number=self._number,
            tenant_id=facts.tenant_id,
            **names,
            why=why,
            dimension=done.dimension,
            value=value,
            limit=limit,
            gain=done.gain,
            bytes=facts.bytes,
            load=facts.load,
            copy_seconds=copy_seconds,
            pause_ms=policy.pause.total_seconds() * 1000,
            source_before=source_before,
            source_after=self._looks[source][0],
            target_before=target_before,
            target_after=self._looks[target][0],
            source_use_before=source_use,
            source_use_after=self._looks[source][1],
            target_use_before=target_use,
            target_use_after=self._looks[target][1],
            worst_after=max(self._ratios),
            total_bytes=self.total_bytes,
            warnings=tuple(self._warnings(done)),
            copy_basis=basis,
        )

    def _measured(self, done: Done) -> tuple[Why, float, float]:
        """The reason, what was measured, and what it should be; as things are before the move."""
        ledger = self._ledger
        if done.dimension is None:
            return done.why, 0.0, 0.0
        axis = DIMENSIONS.index(done.dimension)
        if done.why is Why.FILL:
            return done.why, [*ledger.ratios(done.target)][axis], 1.0
        used, hard = ledger.used[done.source][axis], ledger.hard[done.source][axis]
        if used > hard:
            capacity = ledger.capacity[done.source][axis]
            return Why.HARD_LIMIT, used / capacity, hard / capacity
        fair = ledger.fair[done.source][axis]
        return Why.SHED, used / fair, ledger.low[done.source][axis] / fair

    def _warnings(self, done: Done) -> Iterator[str]:
        ledger, facts = self._ledger, self._ledger.tenants[done.tenant]
        if ledger.exceeds(done.target, ledger.high[done.target], TOLERANCE):
            name = ledger.shards[done.target].name
            yield f"{name} then holds more than its fair share: no other shard has room"
        if facts.moved_at is not None and done.why.is_forced and done.tenant in ledger.cooling:
            yield f"it was moved {facts.moved_at:%Y-%m-%d %H:%M} already"


def _within_budget(ledger: Ledger, done: Sequence[Done]) -> Sequence[Done]:
    policy = ledger.policy
    kept = len(done) if policy.max_moves is None else min(len(done), policy.max_moves)
    if policy.max_bytes is not None:
        total = 0
        for at, each in enumerate(done[:kept]):
            total += ledger.cost[each.tenant][0]
            if total > policy.max_bytes:
                kept = at
                break
    return done[:kept]


def _cut_off(ledger: Ledger, first: Done, moves: int, copied: int) -> LeftAlone:
    policy, tenant = ledger.policy, ledger.tenants[first.tenant]
    if policy.max_moves is not None and moves >= policy.max_moves:
        value, most, what = float(moves + 1), float(policy.max_moves), "moves"
    else:
        value, most, what = float(copied + tenant.bytes), float(policy.max_bytes or 0), "bytes"
    return LeftAlone(
        ledger.shards[first.source].name,
        WhyNot.BUDGET,
        value,
        most,
        tenant_id=tenant.tenant_id,
        detail=f"{what} of a plan; this one and all that follow",
    )


def _stopped(ledger: Ledger, known: Mapping[str, LeftAlone]) -> Iterator[LeftAlone]:
    """Of shards that stay too full, the tenants that could not even be asked."""
    for at in ledger.live:
        if not ledger.exceeds(at, ledger.high[at], TOLERANCE):
            continue
        asked = sorted(ledger.members[at], key=lambda each: (-ledger.cost[each][0], each))
        for tenant in asked:
            facts, why = ledger.tenants[tenant], ledger.stays[tenant]
            if why is None or facts.tenant_id in known:
                continue
            value = threshold = 0.0
            if why is WhyNot.COOLDOWN:
                if tenant not in ledger.cooling:
                    continue
                value, threshold = ledger.cooling[tenant], 0.0
            yield LeftAlone(
                ledger.shards[at].name,
                why,
                value,
                threshold,
                tenant_id=facts.tenant_id,
                detail=facts.busy or facts.moving_to or facts.pinned_to,
            )


def _of_shards(ledger: Ledger) -> Iterator[LeftAlone]:
    for at, shard in enumerate(ledger.shards):
        members = len(ledger.members[at])
        if ledger.out[at]:
            if members:
                yield LeftAlone(shard.name, WhyNot.SOURCE_DOWN, float(members))
        elif shard.draining:
            if members:
                yield LeftAlone(shard.name, WhyNot.NOT_EMPTY, float(members))
        else:
            yield from _of_live_shard(ledger, at)


def _of_live_shard(ledger: Ledger, at: int) -> Iterator[LeftAlone]:
    ratios = ledger.ratios(at)
    over = ledger.exceeds(at, ledger.high[at], TOLERANCE)
    if not over and ratios.worst <= 1 + ledger.policy.leave:
        return
    # The dimension that is nearest to its limit, or farthest beyond.
    used, high, fair = ledger.used[at], ledger.high[at], ledger.fair[at]
    axis = max((0, 1, 2), key=lambda each: used[each] / high[each])
    if not over:
        axis = [*ratios].index(ratios.worst)
    yield LeftAlone(
        ledger.shards[at].name,
        WhyNot.STILL_OVER if over else WhyNot.INSIDE_BAND,
        [*ratios][axis],
        high[axis] / fair[axis],
        DIMENSIONS[axis],
    )


def _listed(ledger: Ledger, everything: Sequence[LeftAlone]) -> Iterator[LeftAlone]:
    """In an order that depends on nothing but names, and not more than anybody reads.

    Who cannot leave a shard that is to be empty is named, all of them.
    """
    draining = {shard.name for shard in ledger.shards if shard.draining}
    seen: Counter[tuple[str, str]] = Counter()
    for each in sorted(
        everything,
        key=lambda left: (left.tenant_id != "", left.shard, left.why, left.tenant_id),
    ):
        seen[each.shard, each.why] += 1
        if seen[each.shard, each.why] <= _LISTED or each.shard in draining:
            yield each


def _ratios(ledger: Ledger) -> Mapping[str, Use]:
    return {shard.name: ledger.ratios(at) for at, shard in enumerate(ledger.shards)}


def _uses(ledger: Ledger) -> Mapping[str, Use]:
    return {shard.name: ledger.use(at) for at, shard in enumerate(ledger.shards)}


def _worst(ledger: Ledger, ratios: Mapping[str, Use]) -> Use:
    of_live = [ratios[ledger.shards[at].name] for at in ledger.live]
    return Use(
        *(max((each[axis] for each in map(tuple, of_live)), default=0.0) for axis in range(3))
    )


def _all(ledger: Ledger) -> range:
    return range(len(ledger.shards))
