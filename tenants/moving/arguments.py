"""What the commands of moves are told: times within bounds, and to stop."""

import math
import signal
import threading
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def ended_as_by_ctrl_c() -> Iterator[None]:
    """Let SIGTERM do in the block what Ctrl-C does, so that a mover can take its move back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _time(text: str, unit: timedelta, *, least: timedelta, most: timedelta) -> timedelta:
    bounds = f"{text!r} is not a number from {least / unit:g} to {most / unit:g}"
    try:
        told = float(text)
    except ValueError:
        raise ArgumentTypeError(bounds) from None
    if not math.isfinite(told) or not least / unit <= told <= most / unit:
        raise ArgumentTypeError(bounds)
    return told * unit
