"""The Content-Security-Policy of every page: scripts, styles and forms of our own, and no more.

Nothing inline and no eval: what somebody writes into a ticket runs nowhere, even if a page forgot
to escape it.
"""

from collections.abc import Awaitable, Callable
from typing import Final, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

CONTENT_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

Sync = Callable[[HttpRequest], HttpResponseBase]
Async = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def ContentPolicyMiddleware(get_response: Sync | Async) -> Sync | Async:  # noqa: N802
    """Set the policy on each response that brings none of its own."""
    if iscoroutinefunction(get_response):
        answer_later = cast(Async, get_response)

        async def later(request: HttpRequest) -> HttpResponseBase:
            response = await answer_later(request)
            response.headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
            return response

        return later

    answer_now = cast(Sync, get_response)

    def now(request: HttpRequest) -> HttpResponseBase:
        response = answer_now(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_POLICY)
        return response

    return now
