"""States of fleet migrations, of their steps, and what a schema's standing can be."""

from enum import StrEnum


class RunState(StrEnum):
    """What became of one fleet migration."""

    RUNNING = "running"
    """It is under way, or its process died: whoever holds the lock of the fleet knows which."""

    DONE = "done"
    """Every schema that could be taken has the state of the code."""

    PAUSED = "paused"
    """It stopped before its end, or left schemas behind that serve; `--resume` goes on."""

    FAILED = "failed"
    """All were tried and some failed."""

    CUT_OFF = "cut off"
    """Its process died. What it had begun is seen on the shards."""


class StepState(StrEnum):
    """How far one schema is in one fleet migration."""

    BEGUN = "begun"
    """Committed before anything is changed on the shard."""

    DONE = "done"
    FAILED = "failed"

    PUT_OFF = "put off"
    """Its tables, its lease or its shard were not to be had; nothing of it is half done."""


class Standing(StrEnum):
    """Where a schema is, compared with the code."""

    LEVEL = "level"
    """It has every migration of the code."""

    BEHIND = "behind"
    """It lacks some, and can be taken."""

    SKIPPED = "skipped"
    """Nobody is served from it; whoever opens it brings it to the code first."""

    WAITING = "waiting"
    """It serves, or will in a moment, and cannot be taken now."""

    WRONG = "wrong"
    """It is not what control says; a person has to look."""
