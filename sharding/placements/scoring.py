"""Which of several shards is the best place for one more tenant. Pure.

By the planner's measure: the highest, of all dimensions, of what a shard holds in parts of its fair
share. What it holds is *expected*: what was observed, and the mean for each tenant that nobody has
measured yet. By what is observed alone the emptiest shard would get every sign-up until its new
tenants show, and be the fullest then.

Only some shards, taken at random, are compared, so that a shard that is wrongly thought to be empty
does not get everybody: eight won over two, four and all of them.

Source: docs/adr/0023; Mitzenmacher, The power of two choices (2001).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

COMPARED: Final = 8
"""So many shards are looked at for a tenant."""

Three = tuple[float, float, float]
"""Bytes, load, tenants."""


@dataclass(frozen=True, slots=True)
class Held:
    """What was observed of a shard.

    Attributes:
        measured: of how many of its tenants this is what they cost.
        tenants: that were there when they were counted, measured or not.
    """

    bytes: float = 0.0
    load: float = 0.0
    measured: int = 0
    tenants: int = 0


@dataclass(frozen=True, slots=True)
class Holdings:
    """What was observed of all shards.

    Attributes:
        shards: by their names; of those that are left out nothing is known.
        counted_until: tenants that were placed later are not among `Held.tenants`; None: none is.
    """

    shards: Mapping[str, Held] = field(default_factory=dict)
    counted_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A shard that takes new tenants.

    Attributes:
        tenants: that are there, measured or not.
        capacity: of bytes, load and tenants, each in a unit that is the same for all shards.
    """

    name: str
    tenants: int
    capacity: Three
    held: Held = Held()


Sample = Callable[[Sequence[Candidate], int], Sequence[Candidate]]
"""Some of them, at random, each at most once; as `random.sample`."""


def choose(candidates: Sequence[Candidate], sample: Sample, *, compared: int = COMPARED) -> str:
    """The name of the shard that one more tenant should go to; there is at least one."""
    some = sample(candidates, compared) if len(candidates) > compared else candidates
    mean = mean_tenant(candidates)
    fair = _fair_parts(candidates, mean)
    return min(some, key=lambda each: (score(each, mean, fair), each.name)).name


def mean_tenant(candidates: Sequence[Candidate]) -> Three:
    """What a tenant costs that nobody has measured."""
    measured = sum(each.held.measured for each in candidates)
    if not measured:
        return 0.0, 0.0, 1.0
    return (
        sum(each.held.bytes for each in candidates) / measured,
        sum(each.held.load for each in candidates) / measured,
        1.0,
    )


def expected(candidate: Candidate, mean: Three) -> Three:
    """What it holds, those included that were not measured."""
    young = max(0, candidate.tenants - candidate.held.measured)
    return (
        candidate.held.bytes + young * mean[0],
        candidate.held.load + young * mean[1],
        float(candidate.tenants),
    )


def score(candidate: Candidate, mean: Three, fair: Three) -> float:
    """How full it would be with one more tenant; 1: as full as all are on average.

    fair: what a unit of capacity holds on average, in each dimension.
    """
    return max(
        (held + one) / (capacity * part)
        for held, one, capacity, part in zip(
            expected(candidate, mean), mean, candidate.capacity, fair, strict=True
        )
        if part > 0 and capacity > 0
    )


def _fair_parts(candidates: Sequence[Candidate], mean: Three) -> Three:
    held = [expected(each, mean) for each in candidates]
    parts = [
        (sum(each[axis] for each in held) + mean[axis])
        / max(sum(each.capacity[axis] for each in candidates), 1e-9)
        for axis in (0, 1, 2)
    ]
    return parts[0], parts[1], parts[2]
