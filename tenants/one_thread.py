"""Under ASGI a sync view and the middleware around it run in the request's thread, all at once.

Left to itself Django goes from the event loop to that thread and back for each hook of each
middleware and for the view: some sixteen times, which costs more than all that they do. So there
is a second chain of the same middleware, made for threads, and what stands after this one enters it
once. Async views keep the chain that never leaves the event loop.

Source: docs/adr/0028.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import cast

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.core.handlers.base import BaseHandler
from django.http import HttpRequest, HttpResponseBase
from django.urls import Resolver404, resolve
from django.utils.decorators import sync_and_async_middleware

Sync = Callable[[HttpRequest], HttpResponseBase]
Async = Callable[[HttpRequest], Awaitable[HttpResponseBase]]

_found: ContextVar[list[Sync] | None] = ContextVar("atoll.rest_of_the_middleware", default=None)
"""Where a second chain that is being made puts what stands after this middleware in it."""


@sync_and_async_middleware
def OneThreadMiddleware(get_response: Sync | Async) -> Sync | Async:  # noqa: N802
    """Enter the request's thread once for all that stands after this, where the view is sync.

    Right after TenantMiddleware, which refuses and waits without a thread. Under WSGI it is not
    there at all.
    """
    is_sync = not iscoroutinefunction(get_response)
    found = _found.get()
    if found is not None and is_sync:
        found.append(cast(Sync, get_response))
    if found is not None or is_sync:
        return get_response

    without_thread = cast(Async, get_response)
    in_thread = _rest_in_thread()
    if in_thread is None:
        return get_response

    async def later(request: HttpRequest) -> HttpResponseBase:
        rest = in_thread if _has_sync_view(request) else without_thread
        return await rest(request)

    return later


def _rest_in_thread() -> Async | None:
    """What stands after this middleware, in the second chain; None: some of it is async only.

    All of the middleware is made once more, also what stands before: Django calls the hooks of all
    of it around a view.
    """
    found: list[Sync] = []
    before = _found.set(found)
    try:
        BaseHandler().load_middleware(is_async=False)
    finally:
        _found.reset(before)
    return sync_to_async(found[0]) if found else None


def _has_sync_view(request: HttpRequest) -> bool:
    """Whether its address leads to a sync view, or nowhere: that page is rendered in a thread too.

    Middleware may yet lead it elsewhere; then the other chain would have been quicker, no more.
    """
    try:
        found = resolve(request.path_info, getattr(request, "urlconf", None))
    except Resolver404:
        return True
    return not iscoroutinefunction(found.func)
