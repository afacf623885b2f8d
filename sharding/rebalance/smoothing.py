"""Means that weigh what was lately more than what was long ago. Pure.

    mean ← mean + (1 - e^(-dt/τ)) · (value - mean)

It begins at nothing, so of a tenant that is as young as τ it has seen 63 %; `corrected` divides by
that part, which makes the mean right from the first value on.

Source: the bias correction of Adam (Kingma and Ba, 2014).
"""

import math
from datetime import timedelta
from typing import Final

DAY: Final = timedelta(hours=24)
WEEK: Final = timedelta(hours=168)


def part_of_new(step: timedelta, span: timedelta) -> float:
    """How much of the mean over `span` a value that held for `step` makes up."""
    return -math.expm1(-(step / span))


def part_left(gap: timedelta, span: timedelta) -> float:
    """How much of the mean over `span` is left after a `gap` in which there was nothing."""
    return math.exp(-(gap / span))


def corrected(mean: float, *, age: timedelta, span: timedelta, step: timedelta) -> float:
    """The mean of somebody who was first seen `age` ago; younger than one `step` is as old."""
    return mean / part_of_new(max(age, step), span)
