"""One run of a request, as far as whoever may run it again must know."""

from contextvars import ContextVar
from dataclasses import dataclass
from time import monotonic
from typing import Final, Protocol

from django.http import HttpRequest

from sharding.scope.latch import Latch
from tenants.conf import tenant_settings
from tenants.gating.tally import Outcome, tally

_SAFE: Final = frozenset({"GET", "HEAD"})
MOST_RUNS: Final = 20
"""Of one request. Time ends it long before: each run but the first has waited."""


class Kept(Protocol):
    """A body that may be read again."""

    is_kept: bool


@dataclass(slots=True)
class Attempt:
    """One run. Somebody stands around it who can begin anew: ReplayWSGI or ReplayASGI.

    Attributes:
        ends: the monotonic instant until which all runs together may wait at gates.
        is_last: there are no more runs than this.
        body: what was sent, if anything was.
        replayable: the view says that it may run twice.
        runs_again: the response of this run is thrown away.
    """

    ends: float
    is_last: bool = False
    body: Kept | None = None
    replayable: bool = False
    runs_again: bool = False

    @property
    def can_begin_anew(self) -> bool:
        """Whether there is another run, which can read what was sent."""
        return not self.is_last and (self.body is None or self.body.is_kept)


current_attempt: Final[ContextVar[Attempt | None]] = ContextVar("atoll_attempt", default=None)


def waits_until() -> float:
    """Until when the running request may wait at gates."""
    attempt = current_attempt.get()
    return attempt.ends if attempt is not None else fresh_end()


def fresh_end() -> float:
    """Until when a request that begins now may wait at gates."""
    return monotonic() + tenant_settings().gate_seconds


def decide_to_run_again(request: HttpRequest, latch: Latch) -> None:
    """A run has met a move: let it begin anew, if that can have no effect twice."""
    attempt = current_attempt.get()
    if attempt is not None and attempt.can_begin_anew and not latch.committed:
        is_safe = request.method in _SAFE or attempt.replayable
        attempt.runs_again = is_safe and monotonic() < attempt.ends
    begun_anew = attempt is not None and attempt.runs_again
    tally().add(Outcome.BEGUN_ANEW if begun_anew else Outcome.GIVEN_UP)
