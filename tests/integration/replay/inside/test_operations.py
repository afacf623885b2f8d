"""One operation after another over tables with rows: replayed, it is what Django does."""

import pytest

from tests.integration.replay.inside.operations import BASE, CASES, QUICK, ROWS, TABLES


def take(case, trio, write):
    base = ("0001_initial", BASE)
    with write(base):
        trio.take()
    trio.execute(*ROWS)
    with write(base, ("0002_change", CASES[case])):
        recording = trio.take()

    assert [step.why_not for segment in recording.segments for step in segment.steps] == [""]
    trio.assert_equal(TABLES)


@pytest.mark.parametrize("case", QUICK)
def test_an_operation_over_rows_is_what_django_does(case, trio, write):
    take(case, trio, write)


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in CASES if case not in QUICK])
def test_every_other_operation_over_rows_is_what_django_does(case, trio, write):
    take(case, trio, write)


@pytest.mark.slow
def test_many_operations_in_one_transaction_are_what_django_does(trio, write):
    base = ("0001_initial", BASE)
    chosen = (
        "null becomes a constant",
        "a foreign key with a default",
        "text with percent, quotes, semicolons, dollars",
        "an id becomes larger",
        "a many to many",
        "unique together",
        "an order",
        "unique goes",
    )
    steps = [(f"{number:04}_step", CASES[case]) for number, case in enumerate(chosen, start=2)]
    with write(base):
        trio.take()
    trio.execute(*ROWS)
    with write(base, *steps):
        recording = trio.take()

    assert [len(segment.steps) for segment in recording.segments] == [len(chosen)]
    trio.assert_equal(TABLES)
