"""What a shard's counters say since they were last read, and whose size to measure. Pure.

A server's counters grow, and begin anew: after a crash (all of them), by hand (some), and with a
schema that a move has made (where the copied rows are "inserted"). Then what was counted before
says nothing, and neither does the difference.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Counters:
    """What a shard says of one schema.

    Attributes:
        oid: of the schema, there.
        written: rows inserted, changed and deleted, rolled-back ones included.
        rows: that are there, as the server believes.
    """

    oid: int
    written: int
    rows: int


@dataclass(frozen=True, slots=True)
class Known:
    """What was kept of a tenant when it was last looked at.

    Attributes:
        shard, arrived_epoch: where it was, and since which epoch.
        generation: of that server's counters.
        written: then.
        bytes: None: not measured since it came.
        sized_at: when they were.
        written_when_sized: `written` then.
    """

    shard: str
    arrived_epoch: int
    generation: str
    written: int
    bytes: int | None = None
    sized_at: datetime | None = None
    written_when_sized: int = 0


@dataclass(frozen=True, slots=True)
class Here:
    """Where a tenant is now, by control, and which counters are read there."""

    shard: str
    arrived_epoch: int
    generation: str


def has_stayed(known: Known | None, here: Here) -> bool:
    """Whether what is known is of the very schema that is looked at now."""
    return known is not None and (known.shard, known.arrived_epoch) == (
        here.shard,
        here.arrived_epoch,
    )


def grown(known: Known | None, here: Here, now: Counters) -> int:
    """How many rows were written since it was last looked at; 0 where nobody can tell."""
    if known is None or not has_stayed(known, here) or known.generation != here.generation:
        return 0
    return max(0, now.written - known.written)


def after_this(known: Known | None, here: Here, now: Counters) -> Known:
    """What to know of it from now on; its size stays as it was until it is measured again."""
    if known is None:
        return Known(here.shard, here.arrived_epoch, here.generation, now.written)
    if not has_stayed(known, here):
        # It is about as large as it was, until it is measured: before all others.
        known = replace(known, sized_at=None, generation="")
    began_anew = known.generation != here.generation or now.written < known.written
    return Known(
        here.shard,
        here.arrived_epoch,
        here.generation,
        now.written,
        known.bytes,
        known.sized_at,
        # As if it had been written to: nobody knows whether it was.
        -1 if began_anew else known.written_when_sized,
    )


def to_measure(known: Mapping[str, Known], *, most: int) -> tuple[list[str], int]:
    """Whose sizes to measure now, and how many are left for later rounds.

    Those that never were come first, then those that were written to, the oldest first.
    """
    stale: Iterable[tuple[float, str]] = (
        (0.0 if each.sized_at is None else each.sized_at.timestamp(), tenant_id)
        for tenant_id, each in known.items()
        if each.bytes is None or each.written != each.written_when_sized
    )
    ordered = [tenant_id for _, tenant_id in sorted(stale)]
    return ordered[:most], max(0, len(ordered) - most)
