"""What `make test-django` calls a new failure."""

import pytest

from tests.django_suite.comparison import Difference, compare, labels_of
from tests.django_suite.errors import MalformedExcuses
from tests.django_suite.excuses import EXCUSED, read_excuses
from tests.django_suite.types import Ended, Outcome

PASSED, FAILED = Ended(Outcome.PASSED), Ended(Outcome.FAILED, "Error: no")
SKIPPED, EXPECTED = Ended(Outcome.SKIPPED, "not here"), Ended(Outcome.EXPECTED)


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        (PASSED, FAILED, "fails: Error: no"),
        (SKIPPED, FAILED, "fails: Error: no"),
        (EXPECTED, FAILED, "fails: Error: no"),
        (None, FAILED, "fails: Error: no"),
        (PASSED, SKIPPED, "is skipped: not here"),
        (EXPECTED, SKIPPED, "is skipped: not here"),
        (PASSED, None, "did not run"),
        (SKIPPED, None, "did not run"),
    ],
)
def test_whatever_is_worse_than_stock_is_new(before, after, what):
    stock = {"a.T.test": before} if before else {}
    ours = {"a.T.test": after} if after else {}

    comparison = compare(stock, ours, {})

    assert comparison.new == [Difference("a.T.test", what)]
    assert not comparison.is_clean


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (PASSED, PASSED),
        (FAILED, FAILED),
        (FAILED, PASSED),
        (FAILED, SKIPPED),
        (FAILED, None),
        (SKIPPED, PASSED),
        (SKIPPED, SKIPPED),
        (EXPECTED, EXPECTED),
        (EXPECTED, PASSED),
        (None, PASSED),
    ],
)
def test_what_is_as_good_as_stock_is_not_new(before, after):
    stock = {"a.T.test": before} if before else {}
    ours = {"a.T.test": after} if after else {}

    assert compare(stock, ours, {}).is_clean


def test_a_class_that_cannot_be_set_up_is_one_failure_and_not_one_per_test():
    stock = {"a.T.test_1": PASSED, "a.T.test_2": PASSED, "a.Tea.test": PASSED}
    ours = {"setUpClass (a.T)": FAILED}

    comparison = compare(stock, ours, {})

    assert [d.test for d in comparison.new] == ["setUpClass (a.T)", "a.Tea.test"]


def test_an_excused_failure_is_not_new_and_keeps_its_reason():
    comparison = compare({"a.T.test": PASSED}, {"a.T.test": FAILED}, {"a.T.test": "wanted"})

    assert comparison.is_clean
    assert comparison.excused == {"a.T.test": "wanted"}


@pytest.mark.parametrize("before", [PASSED, FAILED])
def test_an_excuse_that_is_not_needed_any_more_is_told(before):
    comparison = compare({"a.T.test": before}, {"a.T.test": PASSED}, {"a.T.test": "wanted"})

    assert comparison.stale == ["a.T.test"]
    assert not comparison.is_clean


def test_an_excuse_of_a_test_that_is_not_part_of_the_run_is_left_alone():
    assert compare({"a.T.test": PASSED}, {"a.T.test": PASSED}, {"b.T.test": "wanted"}).is_clean


def test_what_fails_in_both_is_counted():
    stock = {"a": FAILED, "b": FAILED, "c": PASSED}

    assert compare(stock, {"a": FAILED, "b": PASSED, "c": PASSED}, {}).failed_in_both == 1


def test_an_excuse_counts_for_the_django_and_the_server_that_it_names(tmp_path):
    path = tmp_path / "excused.toml"
    path.write_text(
        '[[excuse]]\ntests = ["a"]\nreason = "r"\n'
        '[[excuse]]\ntests = ["b"]\nreason = "r"\ndjango = ["6.1"]\n'
        '[[excuse]]\ntests = ["c"]\nreason = "r"\nserver = [15]\n'
    )

    assert set(read_excuses(path, django="5.2", server=18)) == {"a"}
    assert set(read_excuses(path, django="6.1", server=18)) == {"a", "b"}
    assert set(read_excuses(path, django="5.2", server=15)) == {"a", "c"}


@pytest.mark.parametrize(
    "text",
    [
        '[[excuse]]\ntests = ["a"]\n',
        '[[excuse]]\ntests = ["a"]\nreason = " "\n',
        '[[excuse]]\ntests = []\nreason = "r"\n',
        '[[excuse]]\ntests = ["a"]\nreason = "r"\nsever = [15]\n',
        '[[excuse]]\ntests = ["a", "a"]\nreason = "r"\n',
    ],
)
def test_an_excuse_without_a_name_or_a_reason_is_refused(tmp_path, text):
    path = tmp_path / "excused.toml"
    path.write_text(text)

    with pytest.raises(MalformedExcuses):
        read_excuses(path, django="5.2", server=15)


@pytest.mark.parametrize("django", ["5.2", "6.1"])
@pytest.mark.parametrize("server", [15, 18])
def test_our_own_excuses_can_be_read(django, server):
    read_excuses(EXCUSED, django=django, server=server)


def test_tests_can_be_run_again_by_name_and_classes_that_were_not_set_up_cannot():
    differences = [Difference("a.tests.T.test_1", "fails"), Difference("setUpClass (a.T)", "fails")]

    assert labels_of(differences) == ["a.tests.T.test_1"]
