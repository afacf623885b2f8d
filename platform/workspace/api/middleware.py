"""Whatever goes wrong below /api/ is told as a problem document, by whomever it was found."""

from collections.abc import Awaitable, Callable
from typing import Final, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from workspace.api.problems import MEDIA_TYPE, PREFIX, Problem

# What describes the page that is not sent. All else that other layers say stays true of the
# problem: which methods there are, when to come again, what browsers are to be careful of.
OF_THE_PAGE: Final = frozenset(
    {
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-type",
        "cache-control",
        "etag",
        "last-modified",
    }
)

Sync = Callable[[HttpRequest], HttpResponseBase]
Async = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def ProblemMiddleware(get_response: Sync | Async) -> Sync | Async:  # noqa: N802
    """Turn each page that tells an API's client of an error into a problem document.

    Stands before TenantMiddleware, whose own pages (no such host, closed, away) it turns too.
    Success and redirects pass, and so does every address that is not the API's.
    """
    if iscoroutinefunction(get_response):
        answer_later = cast(Async, get_response)

        async def later(request: HttpRequest) -> HttpResponseBase:
            return _told(request, await answer_later(request))

        return later

    answer_now = cast(Sync, get_response)

    def now(request: HttpRequest) -> HttpResponseBase:
        return _told(request, answer_now(request))

    return now


def _told(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if response.status_code < 400 or not request.path_info.startswith(PREFIX):
        return response
    if response.get("Content-Type", "") == MEDIA_TYPE:
        return response
    kept = {n: v for n, v in response.headers.items() if n.lower() not in OF_THE_PAGE}
    problem = Problem(response.status_code, headers=kept).response()
    # Whoever closes the problem closes the page too, once: to close it here would tell Django that
    # the request is over.
    problem._resource_closers += response._resource_closers  # type: ignore[attr-defined]
    return problem
