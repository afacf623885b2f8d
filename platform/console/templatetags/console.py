"""Where a page is, what is to be told once, and figures as people read them."""

import json
from datetime import datetime
from typing import Any, Final

from django import template
from django.http import HttpRequest
from django.utils import timezone
from django.utils.timesince import timesince

from sharding.figures import size_in_words
from tenants.rebalancing.telling import took as took_in_words

register = template.Library()

_PLACES: Final = (
    ("console:home", "Overview"),
    ("console:tenants", "Tenants"),
    ("console:shards", "Shards"),
    ("console:rebalance", "Rebalance"),
    ("console:processes", "Processes"),
    ("console:audit", "Audit"),
)
_PARTS: Final = {
    "console:tenant": "console:tenants",
    # What is refused is told where it was asked for.
    **{
        f"console:rebalance_{each}": "console:rebalance"
        for each in ("plan", "approve", "pause", "resume", "stop")
    },
}
_LEAST_SEEN: Final = 0.8
_MINUTE: Final = 60
_TENTH: Final = 0.1


@register.filter
def places(request: HttpRequest) -> tuple[tuple[str, str], ...]:
    """Names and titles of what the bar leads to."""
    return _PLACES


@register.filter
def is_at(request: HttpRequest, name: str) -> bool:
    """Whether this page is that one, or a part of it."""
    match = request.resolver_match
    here = match.view_name if match else ""
    return name in (here, _PARTS.get(here))


@register.simple_tag
def notice(request: HttpRequest) -> str:
    """What the page before this one had done; told once."""
    return str(request.session.pop("notice", ""))


@register.filter
def as_size(size: int | None) -> str:
    """A number of bytes with a unit; a dash where nobody knows it."""
    return "–" if size is None else size_in_words(size)


@register.filter
def as_percent(part: float) -> str:
    """A part of a whole; small ones to a tenth."""
    return f"{part:.0%}" if part >= _TENTH else f"{part:.1%}"


@register.filter
def percent_of(part: int | None, whole: int) -> str:
    """How wide a bar is; what is there at all can be seen."""
    if not part or not whole:
        return "0"
    return f"{min(100.0, max(_LEAST_SEEN, 100 * part / whole)):.1f}"


@register.filter
def took(seconds: float) -> str:
    """How long something takes."""
    return took_in_words(seconds)


@register.filter
def ago(at: datetime) -> str:
    """How long ago, to the second while that says something."""
    seconds = max(0, round((timezone.now() - at).total_seconds()))
    return f"{seconds} s ago" if seconds < _MINUTE else f"{timesince(at)} ago"


@register.filter
def as_facts(facts: Any) -> str:
    """What was before or after, on one line."""
    if not facts:
        return ""
    return ", ".join(f"{name}: {_plain(value)}" for name, value in facts.items())


@register.filter
def tone(state: str) -> str:
    """What colour a state has."""
    return _TONES.get(state, "")


_TONES: Final = {
    "active": "good",
    "ready": "good",
    "serve": "good",
    "suspended": "bad",
    "deleted": "bad",
    "provisioning": "warn",
    "preparing": "warn",
    "draining": "warn",
    "creating": "warn",
    "moving": "warn",
    "dropping": "bad",
    "closed": "good",
    "suspected": "warn",
    "open": "bad",
    "held": "warn",
    "proposed": "warn",
    "running": "good",
    "paused": "warn",
    "stopping": "warn",
    "done": "good",
    "skipped": "warn",
    "failed": "bad",
}


def _plain(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text or "–"
