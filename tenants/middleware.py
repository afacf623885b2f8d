"""From the Host header to the scope; the first of all middleware."""

from collections.abc import Awaitable, Callable
from time import monotonic
from types import TracebackType
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed

from sharding import scope
from sharding.backend.atomic_requests import view_is_async
from sharding.placements.services.processes import ensure_heartbeat
from sharding.pools.deadline import request_ends
from sharding.pools.slots import Slot
from sharding.pools.tenant_use import requests
from sharding.scope.latch import Latch, replace_latch
from tenants import pages
from tenants.admission import NoSlot, Route, admission, no_slot_page, route_of, route_of_our_own
from tenants.conf import tenant_settings
from tenants.directory.lookup import directory, lookup
from tenants.directory.types import Entry, HostKey
from tenants.errors import DirectoryAway, InvalidHost
from tenants.gating.attempts import current_attempt, decide_to_run_again, waits_until
from tenants.gating.meeting import met_a_move
from tenants.gating.waiting import wait, wait_async
from tenants.hosts import normalise_host
from tenants.outages import was_noted
from tenants.realise import running
from tenants.replayable import REPLAYABLE
from tenants.slots import held
from tenants.streaming import keep_scope

Admitted = tuple[Route, Slot]


class TenantMiddleware:
    """Serves public hosts, the operators' hosts, and each tenant's hosts in its scope.

    Sets `request.tenant` (an Entry, or None) and `request.urlconf`. The scope ends with the
    response; a body that streams has it for itself. Answers 400, 403, 404 and 503 on its own: 503
    at once where tenant or shard have all the slots that they may have, or the shard is away.

    A request of a tenant that is being moved waits. One that was under way and met the move is
    answered 503, whatever the view made of it; around all of Django, somebody may run it again
    (`tenants.gating.wsgi`, `asgi`). Under ASGI somebody before it may have taken note that there is
    no slot (`tenants.asgi`).
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        """Answer in the scope of the request's host."""
        if self.is_async:
            return self._answer_async(request)
        return self._answer(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: object, kwargs: object
    ) -> None:
        """Tell ATOMIC_REQUESTS what it cannot see: Django wraps sync views only."""
        view_is_async.set(iscoroutinefunction(view))
        attempt = current_attempt.get()
        if attempt is not None:
            attempt.replayable = getattr(view, REPLAYABLE, False)

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        refused = _refused_before(request)
        if refused is not None:
            return refused
        try:
            host = normalise_host(_host_header(request))
            route = route_of_our_own(host) or _route_of(lookup(host))
        except InvalidHost:
            return pages.bad_host(request)
        except DirectoryAway:
            return pages.unavailable(request)
        _show_that_we_live()
        if route is None:
            return pages.unknown(request)
        _mark(request, route)
        admitted = _let_in(request, route)
        if not isinstance(admitted, tuple):
            return admitted
        route, slot = admitted
        _mark(request, route)
        with held(slot) as kept, _InRequest(request, route) as latch:
            response: HttpResponseBase = self.get_response(request)
            if latch.met is not None and met_a_move(latch, route.entry):
                return _moved(request, response, latch)
            return kept.until_sent(_finish(request, route, response))

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        refused = _refused_before(request)
        if refused is not None:
            return refused
        try:
            host = normalise_host(_host_header(request))
            route = route_of_our_own(host) or _route_of(await _lookup_async(host))
        except InvalidHost:
            return pages.bad_host(request)
        except DirectoryAway:
            return pages.unavailable(request)
        _show_that_we_live()
        if route is None:
            return pages.unknown(request)
        _mark(request, route)
        admitted = await _let_in_async(request, route)
        if not isinstance(admitted, tuple):
            return admitted
        route, slot = admitted
        _mark(request, route)
        with held(slot) as kept, _InRequest(request, route) as latch:
            response: HttpResponseBase = await self.get_response(request)
            if latch.met is not None and await sync_to_async(met_a_move)(latch, route.entry):
                return _moved(request, response, latch)
            return kept.until_sent(_finish(request, route, response))


def _refused_before(request: HttpRequest) -> HttpResponseBase | None:
    """The page for who was refused before Django; nobody has read such a request's body."""
    found = request.__dict__.get("no_slot")
    if not isinstance(found, NoSlot):
        return None
    _mark(request, route_of(found.entry))
    return no_slot_page(request, found.why)


def _host_header(request: HttpRequest) -> str:
    if tenant_settings().believe_forwarded_host and "HTTP_X_FORWARDED_HOST" in request.META:
        return str(request.META["HTTP_X_FORWARDED_HOST"])
    return str(request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", ""))


def _route_of(entry: Entry | None) -> Route | None:
    return None if entry is None else route_of(entry)


async def _lookup_async(host: str) -> Entry | None:
    known = directory().peek(HostKey(host))
    if known is not None:
        return known.entry
    return await sync_to_async(lookup)(host)


def _show_that_we_live() -> None:
    if tenant_settings().process_rows:
        ensure_heartbeat("web")


def _let_in(request: HttpRequest, route: Route) -> Admitted | HttpResponseBase:
    steps = admission(request, route)
    try:
        entry = next(steps)
        while True:
            entry = steps.send(wait(entry, ends=waits_until()))
    except StopIteration as done:
        result: Admitted | HttpResponseBase = done.value
        return result


async def _let_in_async(request: HttpRequest, route: Route) -> Admitted | HttpResponseBase:
    steps = admission(request, route)
    try:
        entry = next(steps)
        while True:
            entry = steps.send(await wait_async(entry, ends=waits_until()))
    except StopIteration as done:
        result: Admitted | HttpResponseBase = done.value
        return result


def _mark(request: HttpRequest, route: Route) -> None:
    request.tenant = route.entry  # type: ignore[attr-defined]
    if route.urlconf is not None:
        request.urlconf = route.urlconf


class _InRequest:
    """The scope and what else lasts as long as the request; its latch is what one gets.

    Set back by value: a token of a ContextVar is only good in the context that made it.
    """

    __slots__ = ("_before", "_latch_before", "_request", "_scope")

    def __init__(self, request: HttpRequest, route: Route) -> None:
        self._request = request
        self._scope = scope.enter(route.place)
        if route.place is not None:
            requests.add(route.place.tenant_id)

    def __enter__(self) -> Latch:
        latch = Latch()
        self._latch_before = replace_latch(latch)
        self._before = running.get(), request_ends.get(), view_is_async.get()
        running.set(self._request)
        request_ends.set(monotonic() + tenant_settings().request_seconds)
        self._scope.__enter__()
        return latch

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._scope.__exit__(kind, error, trace)
        finally:
            replace_latch(self._latch_before)
            request, ends, is_async = self._before
            running.set(request)
            request_ends.set(ends)
            view_is_async.set(is_async)


def _moved(request: HttpRequest, response: HttpResponseBase, latch: Latch) -> HttpResponseBase:
    response.close()
    decide_to_run_again(request, latch)
    return pages.unavailable(request)


def _finish(request: HttpRequest, route: Route, response: HttpResponseBase) -> HttpResponseBase:
    if response.status_code == 500 and was_noted(request):
        response.close()
        return pages.unavailable(request)
    if isinstance(response, HttpResponseNotAllowed) and request.method == "GET":
        pages.only_by_form(response)
    if route.place is not None and response.streaming:
        keep_scope(response, route.place, route.entry)
    return response
