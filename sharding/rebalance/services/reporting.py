"""What is on each shard, how full that makes it, and what weighs most."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sharding.figures import counted
from sharding.placements.models import Shard
from sharding.placements.services.shards import shards_named
from sharding.rebalance import ports
from sharding.rebalance.core.planner import plan
from sharding.rebalance.core.plans import Plan
from sharding.rebalance.core.types import DIMENSIONS, TenantLoad
from sharding.rebalance.models import CONTROL, ShardLook, TenantSize
from sharding.rebalance.services.world import Seen, policy, see_world

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class DimensionLine:
    """What a shard has of one thing.

    Attributes:
        capacity: None: nobody said.
        use: the part of its capacity, said or reckoned, that is used.
        ratio: in parts of its fair share.
    """

    used: float
    capacity: float | None
    use: float
    ratio: float


@dataclass(frozen=True, slots=True)
class TenantLine:
    """A tenant that weighs much. notes: pinned, kept apart, moving."""

    tenant_id: str
    tenant: str
    bytes: int
    load: float
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShardReport:
    """One shard.

    Attributes:
        down: why it takes and gives nobody; empty when it does.
        labels: what it has that tenants may need.
        verdict: in words, what a rebalance would do with it.
        sampled_at: when it was last looked at; None: never.
        unmeasured: its tenants whose size nobody knows yet.
    """

    name: str
    state: str
    down: str
    labels: tuple[str, ...]
    verdict: str
    dimensions: dict[str, DimensionLine]
    sampled_at: datetime | None
    unmeasured: int
    largest: tuple[TenantLine, ...]
    busiest: tuple[TenantLine, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            **asdict(self),
            "dimensions": {str(name): asdict(line) for name, line in self.dimensions.items()},
            "sampled_at": self.sampled_at.isoformat() if self.sampled_at else None,
        }


def report_shards(names: Iterable[str] = ()) -> list[ShardReport]:
    """All shards, or those named.

    Raises:
        NoSuchShard: one of the names is no shard's.
    """
    wanted = shards_named(names)
    states = dict(Shard.objects.using(CONTROL).values_list("name", "state"))
    seen = see_world()
    known = _Known(
        seen,
        plan(seen.world, policy({})),
        dict(ShardLook.objects.using(CONTROL).values_list("shard", "at")),
        frozenset(
            TenantSize.objects.using(CONTROL)
            .exclude(bytes=None)
            .values_list("tenant_id", flat=True)
        ),
    )
    return [_report(name, states[name], known) for name in wanted]


def fullness() -> dict[str, dict[str, float]]:
    """Of each shard, the parts of its capacity that are used. No shard is asked."""
    uses = plan(see_world(ask=False).world, policy({})).use_before
    return {name: use.to_json() for name, use in uses.items()}


@dataclass(frozen=True, slots=True)
class _Known:
    seen: Seen
    plan: Plan
    sampled_at: Mapping[str, datetime]
    sized: frozenset[str]


def _report(name: str, state: str, known: _Known) -> ShardReport:
    seen, made = known.seen, known.plan
    tenants = [each for each in seen.world.tenants if (each.moving_to or each.shard) == name]
    (capacity,) = (each for each in seen.world.shards if each.name == name)
    used = (
        float(sum(each.bytes for each in tenants)),
        sum(each.load for each in tenants),
        float(len(tenants)),
    )
    said = (capacity.bytes, capacity.load, capacity.tenants)
    rows = zip(DIMENSIONS, used, said, made.use_before[name], made.before[name], strict=True)
    names = ports.names_of({each.tenant_id for each in tenants})
    return ShardReport(
        name=name,
        state=state,
        down=seen.down.get(name, ""),
        labels=tuple(sorted(capacity.labels)),
        verdict=_verdict(name, made),
        dimensions={str(d): DimensionLine(u, c, use, ratio) for d, u, c, use, ratio in rows},
        sampled_at=known.sampled_at.get(name),
        unmeasured=sum(each.tenant_id not in known.sized for each in tenants),
        largest=_lines(sorted(tenants, key=lambda each: -each.bytes), names),
        busiest=_lines(
            sorted((each for each in tenants if each.load), key=lambda each: -each.load), names
        ),
    )


def _lines(tenants: list[TenantLoad], names: Mapping[str, str]) -> tuple[TenantLine, ...]:
    return tuple(
        TenantLine(
            each.tenant_id, names[each.tenant_id], each.bytes, each.load, tuple(_notes(each))
        )
        for each in tenants[:_SHOWN]
    )


def _notes(tenant: TenantLoad) -> Iterable[str]:
    if tenant.pinned_to:
        yield f"pinned to {tenant.pinned_to}"
    if tenant.labels:
        yield f"pinned to shards with {', '.join(sorted(tenant.labels))}"
    if tenant.group:
        yield f"in group {tenant.group}"
    if tenant.moving_to:
        yield "on its way"
    elif tenant.busy:
        yield tenant.busy


def _verdict(name: str, made: Plan) -> str:
    leave = sum(step.source == name for step in made.steps)
    come = sum(step.target == name for step in made.steps)
    alone = [left for left in made.left if left.shard == name and not left.tenant_id]
    words = [
        f"a rebalance would take {counted(leave, 'tenant')} away" if leave else "",
        f"a rebalance would bring {counted(come, 'tenant')}" if come else "",
        *(f"{left.why}" + (f":{left.dimension}" if left.dimension else "") for left in alone),
    ]
    return "; ".join(filter(None, words)) or "as full as it should be"
