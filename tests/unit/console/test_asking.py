import threading
import time
import weakref

import pytest

from console.services.asking import ask_all


@pytest.fixture(autouse=True)
def _impatient(settings):
    settings.ATOLL_CONSOLE_PATIENCE_SECONDS = 0.2


@pytest.fixture
def hung():
    """A question that is not answered before the test lets it."""
    released, calls = threading.Event(), []

    def question():
        calls.append(1)
        released.wait(10)
        return "late"

    question.calls = calls
    question.release = released.set
    yield question
    released.set()


def test_those_who_answer_in_time_are_heard_and_the_others_left_out(hung):
    began = time.monotonic()
    assert ask_all({"well": lambda: "here", "hung": hung}) == {"well": "here"}
    assert 0.2 <= time.monotonic() - began < 1


def test_a_question_that_goes_on_is_not_asked_a_second_time(hung):
    for _ in range(4):
        assert ask_all({"the same": hung}) == {}
    assert len(hung.calls) == 1
    hung.release()
    deadline = time.monotonic() + 5
    while ask_all({"the same": hung}) != {"the same": "late"}:
        assert time.monotonic() < deadline


def test_what_was_answered_is_asked_anew():
    answers = iter(("first", "second"))
    for expected in ("first", "second"):
        assert ask_all({"again": lambda: next(answers)}) == {"again": expected}


def test_what_was_answered_is_not_kept():
    class Answer:
        pass

    kept = [weakref.ref(ask_all({f"tenant {n}": Answer})[f"tenant {n}"]) for n in range(3)]
    deadline = time.monotonic() + 5
    while any(each() for each in kept):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_nothing_to_ask_takes_no_time():
    assert ask_all({}) == {}
