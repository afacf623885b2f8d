"""What is new in our results against the stock ones. Pure: no process, no file."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tests.django_suite.types import Ended, Outcome, Results

_OF_CLASS: Final = re.compile(r"(?:setUp|tearDown)(?:Class|Module) \((?P<prefix>[\w.]+)\)")

_ONE_TEST: Final = re.compile(r"[a-z]\w*(?:\.\w+)*\.test\w*")


@dataclass(frozen=True, slots=True)
class Difference:
    """One test that is well on the stock backend and is not on ours."""

    test: str
    what: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Attributes: new: neither excused nor on stock. excused: test → reason. stale: excuses of
    tests that ran and are well. failed_in_both: what says nothing about us.
    """

    new: Sequence[Difference]
    excused: Mapping[str, str]
    stale: Sequence[str]
    failed_in_both: int

    @property
    def is_clean(self) -> bool:
        """No new failure and no excuse too many."""
        return not self.new and not self.stale


def compare(stock: Results, ours: Results, excuses: Mapping[str, str]) -> Comparison:
    """Whatever is worse on ours than on stock: failed, not run, or skipped where stock passes.

    excuses: test id → reason; those of tests that are not part of this run are left alone.
    """
    differences = list(_differences(stock, ours))
    differing = {difference.test for difference in differences}
    ran = {*stock, *ours}
    return Comparison(
        new=[d for d in differences if d.test not in excuses],
        excused={test: why for test, why in excuses.items() if test in differing},
        stale=sorted(test for test in excuses if test in ran and test not in differing),
        failed_in_both=sum(_failed(ours.get(test)) for test, end in stock.items() if _failed(end)),
    )


def labels_of(differences: Sequence[Difference]) -> Sequence[str]:
    """What to name to run just these again; nothing for what cannot be run by itself."""
    return [d.test for d in differences if _ONE_TEST.fullmatch(d.test)]


def _failed(end: Ended | None) -> bool:
    return end is not None and end.outcome is Outcome.FAILED


def _differences(stock: Results, ours: Results) -> Iterable[Difference]:
    for test, end in ours.items():
        before = stock.get(test)
        if _failed(end) and not _failed(before):
            yield Difference(test, f"fails: {end.why}")
        elif (
            end.outcome is Outcome.SKIPPED
            and before is not None
            and before.outcome in {Outcome.PASSED, Outcome.EXPECTED}
        ):
            yield Difference(test, f"is skipped: {end.why}")
    # One line for a class that could not be set up, not one for each of its tests.
    broken = tuple(
        f"{match['prefix']}."
        for test, end in ours.items()
        if _failed(end) and (match := _OF_CLASS.fullmatch(test))
    )
    for test, before in stock.items():
        if test not in ours and not _failed(before) and not test.startswith(broken or ("\0",)):
            yield Difference(test, "did not run")
