"""How often somebody may ask: counted in control, per span of time."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db import connections
from django.utils import timezone

from front.errors import TooOften
from front.keys import visitor_digest
from front.models import CONTROL, Tally

HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)
KEPT_FOR: Final = timedelta(hours=2)

_COUNT: Final = """
INSERT INTO front_tally AS tally (kind, who, since, times) VALUES (%s, %s, %s, 1)
ON CONFLICT (kind, who, since) DO UPDATE SET times = tally.times + 1
RETURNING times
"""
"""One statement, so that of many at once each gets a number of its own."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many times per span.

    Attributes:
        kind: what is asked for; each is counted by itself.
    """

    kind: str
    times: int
    span: timedelta


def count(limit: Limit, who: str | None) -> None:
    """Note that `who` (an IP or e-mail address) asks once more.

    Visitors of whom the server cannot tell the address count as one.

    Transaction: on control; joins the caller's.

    Raises:
        TooOften: it is more than the limit allows.
    """
    now = timezone.now()
    span = limit.span.total_seconds()
    since = datetime.fromtimestamp(now.timestamp() // span * span, tz=UTC)
    with connections[CONTROL].cursor() as cursor:
        cursor.execute(_COUNT, [limit.kind, visitor_digest(who or ""), since])
        (times,) = cursor.fetchone()
    if times > limit.times:
        raise TooOften(limit.kind, retry_after=since + limit.span - now)


def purge_tallies() -> int:
    """Forget counts of spans that are over; return how many."""
    old = Tally.objects.using(CONTROL).filter(since__lt=timezone.now() - KEPT_FOR)
    return int(old.delete()[0])
