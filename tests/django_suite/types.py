"""What a run of the suite yields."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """How one test ended; a test with subtests ends as its worst one."""

    PASSED = "passed"
    SKIPPED = "skipped"
    EXPECTED = "expected failure"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Ended:
    """One test's end. `why` is the reason of a skip, or the error's last words."""

    outcome: Outcome
    why: str = ""


Results = Mapping[str, Ended]
"""Test id → its end. A class that could not be set up stands as `setUpClass (dotted.Class)`."""


QUICK_LABELS: Final = (
    "backends",
    "basic",
    "transactions",
    "queries",
    "select_for_update",
    "prefetch_related",
    "schema",
    "migrations",
)
"""The share that CI runs: what touches the backend most."""
