"""Who did what, the newest first, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import QuerySet
from django.utils import timezone

from sharding.placements.models import CONTROL, AuditEntry
from tenants.models import Tenant

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What to look for; empty fields ask for nothing.

    Attributes:
        actor, action: the beginning of these.
        subject: whole: a tenant's id or slug, a shard, `operator:<address>`.
        since, until: days, both included.
        before: the id of an entry; those that are older.
    """

    actor: str = ""
    action: str = ""
    subject: str = ""
    since: date | None = None
    until: date | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, the newest first; `next_before` leads to older ones, None when there are none."""

    entries: Sequence[AuditEntry]
    next_before: int | None


def search_audit(query: AuditQuery) -> AuditPage:
    """One page of what was asked for."""
    found = list(entries_of(query)[: PAGE + 1])
    return AuditPage(found[:PAGE], found[PAGE - 1].pk if len(found) > PAGE else None)


def entries_of(query: AuditQuery) -> QuerySet[AuditEntry, Any]:
    """All that was asked for, the newest first."""
    entries: QuerySet[AuditEntry, Any] = AuditEntry.objects.using(CONTROL).order_by("-id")
    if query.actor:
        entries = entries.filter(actor__startswith=query.actor)
    if query.action:
        entries = entries.filter(action__startswith=query.action)
    if query.subject:
        entries = entries.filter(subject__in=_subjects(query.subject))
    if query.since:
        entries = entries.filter(at__gte=_midnight(query.since))
    if query.until:
        entries = entries.filter(at__lt=_midnight(query.until + timedelta(days=1)))
    if query.before is not None:
        entries = entries.filter(id__lt=query.before)
    return entries


def newest_of(subject: str, *, most: int = 20) -> list[AuditEntry]:
    """The last entries about one thing."""
    return list(AuditEntry.objects.using(CONTROL).filter(subject=subject).order_by("-id")[:most])


def _subjects(typed: str) -> list[str]:
    # People type slugs; the audit keeps ids, which never change.
    ids = Tenant.objects.using(CONTROL).filter(slug=typed).values_list("id", flat=True)
    return [typed, *ids]


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
