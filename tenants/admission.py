"""Who is let in to a tenant: the gate, what people decided, and a slot. In this order."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import assert_never

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from sharding import scope
from sharding.pools.slots import Refused, Slot
from tenants import pages
from tenants.conf import tenant_settings
from tenants.directory.types import Entry
from tenants.gating.room import TurnedAway
from tenants.gating.waiting import Passed, must_wait
from tenants.serving import Verdict
from tenants.slots import take_slot


@dataclass(slots=True)
class Route:
    """What a host is served with: the scope to work in, and whose URLs.

    Not frozen: one is made for every request, and that takes three times as long.
    """

    place: scope.Placement | None
    urlconf: str | None
    entry: Entry | None = None


@dataclass(frozen=True, slots=True)
class NoSlot:
    """What stands on a request, as `no_slot`, that was refused before Django (`tenants.asgi`)."""

    entry: Entry
    why: Refused


Admission = Generator[Entry, Passed, tuple[Route, Slot] | HttpResponseBase]


def route_of_our_own(host: str) -> Route | None:
    """How a public or an operators' host is served; None: it is neither."""
    conf = tenant_settings()
    if host in conf.public_hosts:
        return Route(None, conf.public_urlconf)
    if host in conf.console_hosts:
        return Route(None, conf.console_urlconf)
    return None


def route_of(entry: Entry) -> Route:
    """How a tenant is served."""
    return Route(entry.placement, None, entry)


def admission(request: HttpRequest, route: Route) -> Admission:
    """Let the request in, or say why it gets nothing.

    Yields an entry where one must wait at the gate, and wants to be sent what came of it; so it is
    the same with a thread and without. What it returns is how to serve, and the slot that is held
    meanwhile; or the answer.
    """
    while True:
        if route.entry is not None and must_wait(route.entry):
            passed = yield route.entry
            if not isinstance(passed, Entry):
                return _turned_away(request, passed)
            route = route_of(passed)
        entry = route.entry
        if entry is not None and entry.verdict is not Verdict.SERVE:
            return pages.refusal(request, entry.verdict, entry.name)
        slot = take_slot(entry)
        if isinstance(slot, Refused):
            return no_slot_page(request, slot)
        # Again, and now counted as inside: who closes the gate first says so and then counts.
        if entry is None or not must_wait(entry):
            return route, slot
        slot.give_back()


def no_slot_page(request: HttpRequest, why: Refused) -> HttpResponse:
    """The page for who gets no slot."""
    return pages.unavailable(request) if why is Refused.SHARD_AWAY else pages.busy(request)


def _turned_away(request: HttpRequest, why: TurnedAway | None) -> HttpResponseBase:
    match why:
        case None:
            return pages.unknown(request)
        case TurnedAway.FULL:
            return pages.busy(request)
        case TurnedAway.TOO_LONG:
            return pages.unavailable(request)
        case _:
            assert_never(why)
