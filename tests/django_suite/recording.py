"""The test runner inside the suite's process: Django's own, which also writes down how each ended.

It is named by TEST_RUNNER and talks to the process that started it in two ways: a letter per test
into the pipe ATOLL_SUITE_PIPE as it ends, and all results into the file ATOLL_SUITE_RESULTS.
"""

# ruff: noqa: N802 - the names are those of unittest

import json
import os
import traceback
import unittest
from pathlib import Path
from typing import Any, Final

from django.test.runner import (
    DiscoverRunner,
    ParallelTestSuite,
    RemoteTestResult,
    RemoteTestRunner,
)

from tests.django_suite.types import Outcome

RESULTS_VARIABLE: Final = "ATOLL_SUITE_RESULTS"
PIPE_VARIABLE: Final = "ATOLL_SUITE_PIPE"

_WORST_LAST: Final = (Outcome.SKIPPED, Outcome.PASSED, Outcome.EXPECTED, Outcome.FAILED)
_LONGEST_REASON: Final = 400


class Told(Exception):
    """An error of a worker process, as text: tracebacks and many errors cannot be pickled, and
    the first such one would end the whole run.
    """

    def __init__(self, headline: str, text: str) -> None:
        super().__init__(headline, text)
        self.headline = headline

    def __str__(self) -> str:
        return str(self.args[1])


class WorkerResult(RemoteTestResult):
    """What a worker process sends back: every error as text."""

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, _told(err))

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, _told(err))

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        super().addExpectedFailure(test, _told(err))

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        # Its parameters can be anything, picklable or not; the test fails with it.
        if err is not None:
            self.addFailure(test, err)


class RecordingResult(unittest.TextTestResult):
    """Keeps the worst outcome per test; of subtests too, which end before their test does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ends: dict[str, tuple[Outcome, str]] = {}
        self._pipe = int(os.environ[PIPE_VARIABLE])

    def addSuccess(self, test: Any) -> None:
        super().addSuccess(test)
        self._note(test, Outcome.PASSED)

    def addSkip(self, test: Any, reason: str) -> None:
        super().addSkip(test, reason)
        self._note(test, Outcome.SKIPPED, reason)

    def addFailure(self, test: Any, err: Any) -> None:
        super().addFailure(test, err)
        self._note(test, Outcome.FAILED, err)

    def addError(self, test: Any, err: Any) -> None:
        super().addError(test, err)
        self._note(test, Outcome.FAILED, err)

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        super().addExpectedFailure(test, err)
        self._note(test, Outcome.EXPECTED, err)

    def addUnexpectedSuccess(self, test: Any) -> None:
        super().addUnexpectedSuccess(test)
        self._note(test, Outcome.FAILED, "unexpected success")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(test, Outcome.FAILED, err)

    def _note(self, test: Any, outcome: Outcome, why: Any = "") -> None:
        name = test.id()
        before = self.ends.get(name)
        if before is None or _WORST_LAST.index(outcome) > _WORST_LAST.index(before[0]):
            words = _headline(why) if isinstance(why, tuple) else str(why)
            self.ends[name] = (outcome, words[:_LONGEST_REASON])
        os.write(self._pipe, outcome[0].encode())


class _WorkerRunner(RemoteTestRunner):
    resultclass = WorkerResult


class _Suite(ParallelTestSuite):
    runner_class = _WorkerRunner


class RecordingRunner(DiscoverRunner):
    """Django's runner with the result classes above."""

    parallel_test_suite = _Suite

    def get_resultclass(self) -> Any:
        return RecordingResult

    def run_suite(self, suite: Any, **kwargs: Any) -> Any:
        result: Any = super().run_suite(suite, **kwargs)
        Path(os.environ[RESULTS_VARIABLE]).write_text(json.dumps(result.ends, indent=0))
        return result


def _told(err: Any) -> Any:
    return Told, Told(_headline(err), "".join(traceback.format_exception(*err))), None


def _headline(err: Any) -> str:
    kind, error, _ = err
    return error.headline if isinstance(error, Told) else f"{kind.__name__}: {error}"
