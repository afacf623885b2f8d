"""From the Host header to the scope; the first of all middleware."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from types import TracebackType
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponseBase

from sharding import scope
from sharding.backend.atomic_requests import view_is_async
from sharding.placements.services.processes import ensure_heartbeat
from sharding.pools.deadline import request_ends
from sharding.pools.slots import Refused
from tenants import pages
from tenants.conf import tenant_settings
from tenants.directory.lookup import directory, lookup
from tenants.directory.types import Entry, HostKey
from tenants.errors import DirectoryAway, InvalidHost
from tenants.hosts import normalise_host
from tenants.outages import was_noted
from tenants.realise import running
from tenants.serving import Verdict
from tenants.slots import held, take_slot
from tenants.streaming import keep_scope


@dataclass(slots=True)
class Route:
    """What a host is served with: the scope to work in, and whose URLs.

    Not frozen: one is made for every request, and that takes three times as long.
    """

    place: scope.Placement | None
    urlconf: str | None
    entry: Entry | None = None


class TenantMiddleware:
    """Serves public hosts, the operators' hosts, and each tenant's hosts in its scope.

    Sets `request.tenant` (an Entry, or None) and `request.urlconf`. The scope ends with the
    response; a body that streams has it for itself. Answers 400, 403, 404 and 503 on its own: 503
    at once where tenant or shard have all the slots that they may have, or the shard is away.
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

    def _answer(self, request: HttpRequest) -> HttpResponseBase:
        try:
            host = normalise_host(_host_header(request))
            route = _route_of_our_own(host) or _route_of(lookup(host))
        except InvalidHost:
            return pages.bad_host(request)
        except DirectoryAway:
            return pages.unavailable(request)
        if route is None:
            return _unknown(request)
        refused = _prepare(request, route)
        if refused is not None:
            return refused
        slot = take_slot(route.entry)
        if isinstance(slot, Refused):
            return _refused(request, slot)
        with held(slot) as kept, _InRequest(request, route):
            response: HttpResponseBase = self.get_response(request)
            return kept.until_sent(_finish(request, route, response))

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        try:
            host = normalise_host(_host_header(request))
            route = _route_of_our_own(host) or _route_of(await _lookup_async(host))
        except InvalidHost:
            return pages.bad_host(request)
        except DirectoryAway:
            return pages.unavailable(request)
        if route is None:
            return _unknown(request)
        refused = _prepare(request, route)
        if refused is not None:
            return refused
        slot = take_slot(route.entry)
        if isinstance(slot, Refused):
            return _refused(request, slot)
        with held(slot) as kept, _InRequest(request, route):
            response: HttpResponseBase = await self.get_response(request)
            return kept.until_sent(_finish(request, route, response))


def _host_header(request: HttpRequest) -> str:
    if tenant_settings().believe_forwarded_host and "HTTP_X_FORWARDED_HOST" in request.META:
        return str(request.META["HTTP_X_FORWARDED_HOST"])
    return str(request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", ""))


def _route_of_our_own(host: str) -> Route | None:
    conf = tenant_settings()
    if host in conf.public_hosts:
        return Route(None, conf.public_urlconf)
    if host in conf.console_hosts:
        return Route(None, conf.console_urlconf)
    return None


def _route_of(entry: Entry | None) -> Route | None:
    return None if entry is None else Route(entry.placement, None, entry)


async def _lookup_async(host: str) -> Entry | None:
    known = directory().peek(HostKey(host))
    if known is not None:
        return known.entry
    return await sync_to_async(lookup)(host)


def _unknown(request: HttpRequest) -> HttpResponseBase:
    _show_that_we_live()
    return pages.unknown(request)


def _show_that_we_live() -> None:
    if tenant_settings().process_rows:
        ensure_heartbeat("web")


def _prepare(request: HttpRequest, route: Route) -> HttpResponseBase | None:
    """Mark the request as its tenant's, or say why it gets nothing."""
    _show_that_we_live()
    entry = route.entry
    if entry is not None and entry.verdict is not Verdict.SERVE:
        return pages.refusal(request, entry.verdict, entry.name)
    request.tenant = entry  # type: ignore[attr-defined]
    if route.urlconf is not None:
        request.urlconf = route.urlconf
    return None


def _refused(request: HttpRequest, why: Refused) -> HttpResponseBase:
    return pages.unavailable(request) if why is Refused.SHARD_AWAY else pages.busy(request)


class _InRequest:
    """The scope and what else lasts as long as the request.

    Set back by value: a token of a ContextVar is only good in the context that made it.
    """

    __slots__ = ("_before", "_request", "_scope")

    def __init__(self, request: HttpRequest, route: Route) -> None:
        self._request = request
        self._scope = scope.enter(route.place)

    def __enter__(self) -> None:
        self._before = running.get(), request_ends.get(), view_is_async.get()
        running.set(self._request)
        request_ends.set(monotonic() + tenant_settings().request_seconds)
        self._scope.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._scope.__exit__(kind, error, trace)
        finally:
            request, ends, is_async = self._before
            running.set(request)
            request_ends.set(ends)
            view_is_async.set(is_async)


def _finish(request: HttpRequest, route: Route, response: HttpResponseBase) -> HttpResponseBase:
    if response.status_code == 500 and was_noted(request):
        response.close()
        return pages.unavailable(request)
    if route.place is not None and response.streaming:
        keep_scope(response, route.place)
    return response
