"""Why a server refused the last connection: a pool connects in a thread of its own, and keeps it.

Who waits for the pool is told only that none came in time.
"""

from time import monotonic
from typing import Final

from sharding.pools.outages import in_one_line

LATELY_S: Final = 3.0

_refusals: dict[str, tuple[float, str]] = {}


def note_refusal(name: str, error: BaseException) -> None:
    """Connecting to server `name` has failed."""
    _refusals[name] = (monotonic(), in_one_line(error))


def note_connected(name: str) -> None:
    """Connecting to it has not failed."""
    _refusals.pop(name, None)


def refused_lately(name: str) -> str:
    """Why it did; empty: it did not, or long ago."""
    at, why = _refusals.get(name, (float("-inf"), ""))
    return why if monotonic() - at < LATELY_S else ""
