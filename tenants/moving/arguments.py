"""What the commands of moves are told: numbers within bounds."""

import math
from argparse import ArgumentTypeError
from datetime import timedelta
from typing import Final

from sharding.moves.types import LONGEST_DRAIN, LONGEST_PAUSE, LONGEST_SOAK, SHORTEST_PAUSE

_MOST_ATTEMPTS: Final = 100


def pause(text: str) -> timedelta:
    """Milliseconds, one at least."""
    return _time(text, timedelta(milliseconds=1), least=SHORTEST_PAUSE, most=LONGEST_PAUSE)


def drain(text: str) -> timedelta:
    """Seconds."""
    return _time(text, timedelta(seconds=1), least=timedelta(0), most=LONGEST_DRAIN)


def soak(text: str) -> timedelta:
    """Hours; none at all is `--no-soak`."""
    return _time(text, timedelta(hours=1), least=timedelta(seconds=1), most=LONGEST_SOAK)


def attempts(text: str) -> int:
    """How often, once at least."""
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_ATTEMPTS:
        raise ArgumentTypeError(f"{text!r} is not a number from 1 to {_MOST_ATTEMPTS}")
    return int(text)


def _time(text: str, unit: timedelta, *, least: timedelta, most: timedelta) -> timedelta:
    bounds = f"{text!r} is not a number from {least / unit:g} to {most / unit:g}"
    try:
        told = float(text)
    except ValueError:
        raise ArgumentTypeError(bounds) from None
    if not math.isfinite(told) or not least / unit <= told <= most / unit:
        raise ArgumentTypeError(bounds)
    return told * unit
