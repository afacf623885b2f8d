"""Progress tells how many, how fast and how long still, and not too often."""

import pytest

from migrations_tools.fleet.progress import Progress, duration
from migrations_tools.fleet.states import StepState


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_it_tells_about_once_a_second_with_rate_and_time_left():
    clock, told = Clock(), []
    progress = Progress(100, told.append, clock=clock)
    progress.begin_wave("1%", 10)
    for n in range(8):
        clock.now += 0.125
        progress.add(f"t{n}", StepState.FAILED if n == 3 else StepState.DONE)
    clock.now += 0.5
    progress.add("t8", StepState.PUT_OFF)
    clock.now += 0.5
    progress.add("t8", StepState.DONE)
    assert told == [
        "wave 1%: 10 schemas",
        "wave 1%: 8 of 100, 8/s, 1 failed, about 12 s left",
        "wave 1%: 9 of 100, 4/s, 1 failed, about 20 s left",
    ]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.04, "0.0 s"),
        (0.44, "0.4 s"),
        (12.4, "12 s"),
        (200, "3 min 20 s"),
        (120, "2 min"),
        (7500, "2 h 5 min"),
        (7200, "2 h"),
    ],
)
def test_a_span_of_time_is_told_in_words_that_people_use(seconds, said):
    assert duration(seconds) == said
