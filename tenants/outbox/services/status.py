"""What is in the outboxes, tenant by tenant, counted."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError
from django.db.models import Count, Max, Min

from sharding import scope
from sharding.placements.models import CONTROL, Placement
from sharding.pools.outages import without_rows
from tenants.models import Tenant
from tenants.outbox.models import Message, ParkedMessage
from tenants.outbox.services.sweep import believed_everywhere
from tenants.services.finding import find_tenant


@dataclass(frozen=True, slots=True)
class TopicLine:
    """One topic in one tenant's outbox.

    Attributes:
        waiting, parked: messages.
        oldest: when the first of those that wait was published; of the parked where none waits.
        next_try_at: when the first that waits is tried (again).
        tries: of the one that was tried most often.
        last_error: of one that failed.
    """

    tenant_id: str
    slug: str
    shard: str
    topic: str
    waiting: int
    parked: int
    oldest: datetime | None
    next_try_at: datetime | None
    tries: int
    last_error: str


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """What was found.

    Attributes:
        problems: by shard or tenant, why it could not be looked at.
    """

    lines: tuple[TopicLine, ...]
    problems: dict[str, str]


def outbox_status(names: Collection[str] = (), *, everyone: bool = False) -> OutboxStatus:
    """Count what the outboxes of these tenants (slugs or ids) hold.

    Without names: of those tenants of whom their shard's statistics say that there is anything,
    which is a second late and forgets at a crash; with `everyone`, of all, which looks into every
    schema.

    Raises:
        UnknownSlug: one of the names is no tenant's.
    """
    problems: dict[str, str] = {}
    rows = Placement.objects.using(CONTROL).order_by("shard_id", "tenant_id")
    if names:
        rows = rows.filter(tenant_id__in=[find_tenant(name).id for name in names])
    elif not everyone:
        schemas = set()
        for believed in believed_everywhere():
            schemas |= {*believed.waiting, *believed.parked}
            if believed.problem:
                problems[believed.shard] = believed.problem
        # A tenant's schema is called as it is itself.
        rows = rows.filter(schema__in=schemas)
    slugs = dict(Tenant.objects.using(CONTROL).values_list("id", "slug"))
    lines: list[TopicLine] = []
    for row in rows:
        try:
            lines += _count(row, slugs.get(row.tenant_id, ""))
        except DatabaseError as error:
            problems[row.tenant_id] = without_rows(error)
    return OutboxStatus(tuple(lines), problems)


def _count(row: Placement, slug: str) -> Iterator[TopicLine]:
    with scope.enter(row.to_scope()):
        waiting = {
            found["topic"]: found
            for found in Message.objects.values("topic").annotate(
                count=Count("id"),
                oldest=Min("published_at"),
                next_try_at=Min("next_try_at"),
                tries=Max("tries"),
                last_error=Max("last_error"),
            )
        }
        parked = {
            found["topic"]: found
            for found in ParkedMessage.objects.values("topic").annotate(
                count=Count("id"),
                oldest=Min("published_at"),
                tries=Max("tries"),
                last_error=Max("last_error"),
            )
        }
    for topic in sorted({*waiting, *parked}):
        first: Mapping[str, Any] = waiting.get(topic, {})
        given_up: Mapping[str, Any] = parked.get(topic, {})
        yield TopicLine(
            tenant_id=row.tenant_id,
            slug=slug,
            shard=row.shard_id,
            topic=topic,
            waiting=first.get("count", 0),
            parked=given_up.get("count", 0),
            oldest=first.get("oldest") or given_up.get("oldest"),
            next_try_at=first.get("next_try_at"),
            tries=max(first.get("tries", 0), given_up.get("tries", 0)),
            last_error=given_up.get("last_error") or first.get("last_error") or "",
        )
