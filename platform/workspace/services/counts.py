"""How many tickets there are, and how many came and went lately: through the tenant's cache."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.db.models import Count, Q, QuerySet, Value
from django.db.models.functions import TruncDate
from django.utils import timezone

from workspace.models import Ticket
from workspace.services.preferences import preferences

KEY: Final = "workspace.counts"
# Bounds how long a count can be wrong: a reader may put back what it counted just before
# another request committed.
KEPT_FOR: Final = timedelta(seconds=30)
DAYS: Final = 28


@dataclass(frozen=True, slots=True)
class DayCount:
    """What happened on one day of the workspace's own zone."""

    day: date
    opened: int = 0
    solved: int = 0


@dataclass(frozen=True, slots=True)
class TicketCounts:
    """Tickets by status, unsolved ones by priority, and the last `DAYS` days.

    Attributes:
        by_priority: label and number of unsolved tickets, the most urgent first.
        unassigned: unsolved tickets that nobody works on.
        urgent: unsolved tickets of high or urgent priority.
        days: the oldest first, today last.
        zone: name of the zone in which a day is a day.
    """

    open: int = 0
    pending: int = 0
    solved: int = 0
    closed: int = 0
    unassigned: int = 0
    urgent: int = 0
    by_priority: tuple[tuple[str, int], ...] = ()
    days: tuple[DayCount, ...] = ()
    zone: str = "UTC"


def ticket_counts() -> TicketCounts:
    """The counts of the tenant in scope, at most `KEPT_FOR` old. Two queries at most."""
    zone = preferences().time_zone
    counts = cache.get(KEY)
    if not isinstance(counts, TicketCounts) or counts.zone != zone:
        counts = _count(zone)
        cache.set(KEY, counts, timeout=KEPT_FOR.total_seconds())
    return counts


def forget_counts() -> None:
    """Count anew at the next look. To be called after the commit that changed them."""
    cache.delete(KEY)


def _count(zone: str) -> TicketCounts:
    by_status = dict.fromkeys(Ticket.Status.values, 0)
    by_priority = dict.fromkeys(reversed(Ticket.Priority.values), 0)
    unassigned = 0
    groups = Ticket.objects.values_list("status", "priority").order_by()
    for status, priority, number, free in groups.annotate(
        number=Count("pk"), free=Count("pk", filter=Q(assignee=None))
    ):
        by_status[status] += number
        if status in Ticket.UNSOLVED:
            by_priority[priority] += number
            unassigned += free
    return TicketCounts(
        **by_status,
        unassigned=unassigned,
        urgent=by_priority[Ticket.Priority.URGENT] + by_priority[Ticket.Priority.HIGH],
        by_priority=tuple(
            (Ticket.Priority(priority).label, number) for priority, number in by_priority.items()
        ),
        days=tuple(_days(ZoneInfo(zone))),
        zone=zone,
    )


def _days(zone: ZoneInfo) -> Iterable[DayCount]:
    today = timezone.localdate(timezone=zone)
    first = today - timedelta(days=DAYS - 1)
    since = datetime.combine(first, time(), tzinfo=zone)
    counts = {
        (what, day): number
        for what, day, number in _by_day("opened_at", since, zone)
        .union(_by_day("closed_at", since, zone), all=True)
        .order_by()  # or Django 6.1 orders the whole by the model's own
    }
    for each in range(DAYS):
        day = first + timedelta(days=each)
        yield DayCount(day, counts.get(("opened_at", day), 0), counts.get(("closed_at", day), 0))


def _by_day(field: str, since: datetime, zone: ZoneInfo) -> "QuerySet[Ticket, Any]":
    return (
        Ticket.objects.filter(**{f"{field}__gte": since})
        .annotate(what=Value(field), day=TruncDate(field, tzinfo=zone))
        .values_list("what", "day")
        .order_by()
        .annotate(number=Count("pk"))
    )
