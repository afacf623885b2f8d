"""Which mode suits a tenant, by what it holds, what it writes and how long it may pause. Pure.

Block mode needs no slot and no stream, so it is taken where its pause is short. It looks through
all of the tenant in its pause and copies again what was written since. Logical mode's pause is
short whatever the tenant holds, and it has a way back; it costs minutes of preparation and streams.

Source: docs/adr/0026, with what was measured.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sharding.moves.core.steps import Mode

BLOCK_BASE: Final = timedelta(milliseconds=25)
LOOK_PER_MB: Final = timedelta(milliseconds=1)
COPY_PER_MB: Final = timedelta(milliseconds=40)
SHORT: Final = timedelta(milliseconds=100)
"""A pause that nobody notices."""
PART_OF_BUDGET: Final = 0.5
"""A prediction is no promise: so much of the budget it may fill."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a tenant is like.

    Attributes:
        bytes: of its tables and indexes.
        written_bytes: of those tables that were written to while they were looked at for a moment.
    """

    bytes: int
    written_bytes: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A mode, and why; one sentence for people."""

    mode: Mode
    why: str


def predicted_pause(load: Load) -> timedelta:
    """How long block mode would pause."""
    return BLOCK_BASE + LOOK_PER_MB * (load.bytes / 1e6) + COPY_PER_MB * (load.written_bytes / 1e6)


def needs_a_look(size: int, budget: timedelta) -> bool:
    """Whether it matters what the tenant writes: not if all of it is little, or too much."""
    best, worst = Load(size, 0), Load(size, size)
    bound = _bound(budget)
    return predicted_pause(best) <= bound < predicted_pause(worst)


def choose_mode(load: Load, *, budget: timedelta, why_not_logical: str) -> Choice:
    """The mode for this tenant.

    why_not_logical: what speaks against logical mode between these two shards; empty: nothing.
    """
    predicted = predicted_pause(load)
    told = f"{predicted / timedelta(milliseconds=1):.0f} ms"
    if why_not_logical:
        return Choice(
            Mode.BLOCK,
            f"block mode, with a pause of about {told}: logical mode is not to be had: "
            f"{why_not_logical}",
        )
    if predicted <= _bound(budget):
        return Choice(Mode.BLOCK, f"block mode, which would pause for about {told}.")
    return Choice(Mode.LOGICAL, f"logical mode: block mode would pause for about {told}.")


def _bound(budget: timedelta) -> timedelta:
    return min(SHORT, budget * PART_OF_BUDGET)
