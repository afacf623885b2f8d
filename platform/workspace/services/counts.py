"""How many tickets there are, through the tenant's cache."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.core.cache import cache
from django.db.models import Count, Q

from workspace.models import Ticket

KEY: Final = "workspace.counts"
# Bounds how long a count can be wrong: a reader may put back what it counted just before
# another request committed.
KEPT_FOR: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class TicketCounts:
    """Tickets by state."""

    open: int
    closed: int


def ticket_counts() -> TicketCounts:
    """The counts of the tenant in scope, at most `KEPT_FOR` old."""
    counts = cache.get(KEY)
    if not isinstance(counts, TicketCounts):
        counts = _count()
        cache.set(KEY, counts, timeout=KEPT_FOR.total_seconds())
    return counts


def forget_counts() -> None:
    """Count anew at the next look. To be called after the commit that changed them."""
    cache.delete(KEY)


def _count() -> TicketCounts:
    found = Ticket.objects.aggregate(
        open=Count("pk", filter=Q(status=Ticket.Status.OPEN)),
        closed=Count("pk", filter=Q(status=Ticket.Status.CLOSED)),
    )
    return TicketCounts(**found)
