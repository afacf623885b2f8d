"""Find tenants by what people remember of them, a page at a time."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import QuerySet

from sharding.placements.models import Placement
from tenants.models import CONTROL, NAME_WORDS, Domain, Tenant
from tenants.services.listing import TenantLine, lines_of

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class TenantQuery:
    """What to look for.

    Attributes:
        text: the beginning of a slug, an id, a domain or of words of the name; empty for all.
        state, shard: only those; empty for any.
        after: a slug; those that come after it.
    """

    text: str = ""
    state: str = ""
    shard: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class TenantPage:
    """Tenants by slug; `next_after` leads to those that follow, empty when none do."""

    lines: Sequence[TenantLine]
    next_after: str


def search_tenants(query: TenantQuery) -> TenantPage:
    """One page. Every way to find a tenant has an index; no shard is asked."""
    tenants: QuerySet[Tenant, Any] = Tenant.objects.using(CONTROL).order_by("slug")
    if query.state:
        tenants = tenants.filter(state=query.state)
    if query.shard:
        placed = Placement.objects.using(CONTROL).filter(shard_id=query.shard)
        tenants = tenants.filter(id__in=placed.values("tenant_id"))
    if text := query.text.strip().lower():
        tenants = tenants.filter(id__in=_found(text))
    if query.after:
        tenants = tenants.filter(slug__gt=query.after)
    # One more than is shown tells whether others follow.
    found = list(tenants[: PAGE + 1])
    lines = lines_of(found[:PAGE])
    return TenantPage(lines, found[PAGE - 1].slug if len(found) > PAGE else "")


def _found(text: str) -> QuerySet[Any, Any]:
    # A union, not an OR: over two tables PostgreSQL would look at every tenant.
    rows = Tenant.objects.using(CONTROL).order_by()
    parts: list[QuerySet[Any, Any]] = [
        rows.filter(slug__startswith=text).values("id"),
        rows.filter(id__startswith=text).values("id"),
        Domain.objects.using(CONTROL)
        .order_by()
        .filter(domain__startswith=text)
        .values("tenant_id"),
    ]
    if words := re.findall(r"\w+", text):
        starts = SearchQuery(
            " & ".join(f"{word}:*" for word in words), config=NAME_WORDS, search_type="raw"
        )
        named = rows.annotate(words=SearchVector("name", config=NAME_WORDS)).filter(words=starts)
        parts.append(named.values("id"))
    return parts[0].union(*parts[1:])
