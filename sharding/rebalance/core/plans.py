"""What the planner answers: moves in their order, and what was left alone. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from sharding.rebalance.core.copying import CopyBasis
from sharding.rebalance.core.types import Dimension, Use


class Why(StrEnum):
    """Why a tenant is moved."""

    DRAIN = "drain"
    """Its shard is to be empty."""

    PIN = "pin"
    """It is pinned to another shard."""

    LABEL = "label"
    """Its shard has not the labels that it needs."""

    APART = "apart"
    """Another tenant of its group is on the same shard."""

    HARD_LIMIT = "hard-limit"
    """Its shard is fuller than any may be."""

    SHED = "shed"
    """Its shard has more than its fair share."""

    FILL = "fill"
    """The other shard has less than its fair share."""

    @property
    def is_forced(self) -> bool:
        """Done for what somebody ordered, whether or not it makes shards more even."""
        return self in (Why.DRAIN, Why.PIN, Why.LABEL, Why.APART)


class WhyNot(StrEnum):
    """Why a tenant or a shard is left alone."""

    INSIDE_BAND = "inside-band"
    """The shard has more than its fair share, not by so much that anything is done."""

    STILL_OVER = "still-over"
    """The shard stays too full: nothing else that could leave it helps."""

    NOT_EMPTY = "not-empty"
    """The shard drains, and some of its tenants have no other place."""

    IMPROVEMENT = "improvement"
    """Too much of what it would bring to its new shard is no excess of its old one."""

    NO_GAIN = "no-gain"
    """Its new shard would be as full as its old one was."""

    NO_TARGET = "no-target"
    """No shard has room for it within the limits."""

    NO_ROOM = "no-room"
    """No shard has room for it even up to the hard limits."""

    TOO_BIG = "too-big"
    """It alone is more than any other shard may hold."""

    PINNED = "pinned"
    COOLDOWN = "cooldown"
    GROUP = "group"
    """Every shard that has room has another of its group."""

    LABEL = "label"
    """No shard that has room has the labels that it needs."""

    SOURCE_DOWN = "source-down"
    TARGET_DOWN = "target-down"
    MOVING = "moving"
    BUSY = "busy"
    BUDGET = "budget"
    """The plan was cut off at its number of moves or bytes."""

    CHANGED = "changed"
    """A step of the plan under way has no reason any more, or no place."""


@dataclass(frozen=True, slots=True)
class Step:
    """One move of a plan.

    Attributes:
        number: from 1 on; each prefix of the plan is an improvement.
        why: the reason, and of which dimension where it has one.
        value: what was measured before the step: the source's ratio in that dimension; at a hard
            limit the part of its capacity; of a fill the target's ratio.
        limit: what it should be.
        gain: what of the source's excess the move takes, of all that it brings to the target.
        source_before, …: parts of the shards' fair shares (ratios), before and after this step.
        source_use_before, …: parts of their capacities.
        worst_after: the highest ratio of all shards after this step.
        total_bytes: of this and all earlier steps.
        warnings: what to know before it is done, a sentence each.
        copy_basis: where `copy_seconds` is from.
    """

    number: int
    tenant_id: str
    source: str
    target: str
    why: Why
    dimension: Dimension | None
    value: float
    limit: float
    gain: float
    bytes: int
    load: float
    copy_seconds: float
    pause_ms: float
    source_before: Use
    source_after: Use
    target_before: Use
    target_after: Use
    source_use_before: Use
    source_use_after: Use
    target_use_before: Use
    target_use_after: Use
    worst_after: float
    total_bytes: int
    warnings: tuple[str, ...] = ()
    copy_basis: CopyBasis = CopyBasis.ASSUMED

    @property
    def reason(self) -> str:
        """In a word, such as `shed:bytes`."""
        return f"{self.why}:{self.dimension}" if self.dimension else str(self.why)

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {**asdict(self), "reason": self.reason, "warnings": list(self.warnings)}


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A tenant or a shard that was considered and left, and what stopped it.

    Attributes:
        tenant_id: empty: it is about the shard.
        value: what was measured; of a cooldown the days that are left.
        threshold: what it would have had to reach, or must not exceed.
        detail: who or what is in the way, in a few words; may be empty.
    """

    shard: str
    why: WhyNot
    value: float = 0.0
    threshold: float = 0.0
    dimension: Dimension | None = None
    tenant_id: str = ""
    detail: str = ""

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Summary:
    """A plan in numbers.

    Attributes:
        moves, bytes: in all.
        copy_seconds: if one move followed the other.
        worst_before, worst_after: in each dimension the highest ratio of a shard that stays.
        left: how often each reason stopped something, those included that are not listed.
        cut_off: steps that are not in it for the sake of its limits.
    """

    moves: int
    bytes: int
    copy_seconds: float
    worst_before: Use
    worst_after: Use
    left: Mapping[str, int] = field(default_factory=dict)
    cut_off: int = 0

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {**asdict(self), "left": dict(self.left)}


@dataclass(frozen=True, slots=True)
class Plan:
    """What to move, in this order, and what not.

    Attributes:
        id: short; equal for equal steps from equal input.
        digest: of the world and the policy that it was made from. The time is in it only as far
            as it decides who cools down.
        before, after: of each shard the ratios.
        use_before, use_after: of each shard the parts of its capacity.
    """

    id: str
    digest: str
    steps: tuple[Step, ...]
    left: tuple[LeftAlone, ...]
    summary: Summary
    before: Mapping[str, Use]
    after: Mapping[str, Use]
    use_before: Mapping[str, Use]
    use_after: Mapping[str, Use]

    def to_json(self) -> dict[str, object]:
        """Plain values, for `--json` and for keeping."""
        return {
            "id": self.id,
            "digest": self.digest,
            "steps": [step.to_json() for step in self.steps],
            "left": [left.to_json() for left in self.left],
            "summary": self.summary.to_json(),
            "shards": {
                name: {
                    "before": self.before[name].to_json(),
                    "after": self.after[name].to_json(),
                    "use_before": self.use_before[name].to_json(),
                    "use_after": self.use_after[name].to_json(),
                }
                for name in self.before
            },
        }
