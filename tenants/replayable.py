"""Say of a view that a request to it may run twice."""

from collections.abc import Callable
from typing import Final, TypeVar

View = TypeVar("View", bound=Callable[..., object])

REPLAYABLE: Final = "atoll_replayable"


def replayable(view: View) -> View:
    """Let a request to this view begin again if its tenant moved meanwhile and nothing was written.

    GET and HEAD do so anyway. For others this is a promise: what the view does before its
    transaction is committed (a mail, a call of another service, a line in a file) may happen
    twice. What it commits happens once: a request that has committed anything is not run again.
    """
    setattr(view, REPLAYABLE, True)
    return view
