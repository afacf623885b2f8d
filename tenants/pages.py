"""The pages that say why nothing else is shown. They need no database, no cache, no session."""

from random import uniform
from typing import assert_never

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.html import escape

from tenants.conf import tenant_settings
from tenants.serving import Verdict

_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="{sheet}"></head>
<body><main><h1>{title}</h1><p>{text}</p></main></body>
</html>
"""


def bad_host(request: HttpRequest) -> HttpResponse:
    """400: the Host header is no host name. What it said is not repeated."""
    return _page(400, "Bad request", "This address is not a name that a page could have.")


def unknown(request: HttpRequest) -> HttpResponse:
    """404: no tenant has this host."""
    return _page(404, "Nothing here", "There is no workspace at this address. Is it spelled right?")


def suspended(request: HttpRequest, name: str) -> HttpResponse:
    """403: the tenant is closed for now."""
    return _page(
        403,
        "This workspace is closed",
        f"{name} is suspended. Its data is kept. Please ask whoever runs it for you.",
    )


def only_by_form(response: HttpResponse) -> None:
    """Say in a 405 why there is nothing to see, unless it says so itself; its headers are kept.

    A form's address gets one that was loaded anew, or typed.
    """
    if response.content:
        return
    page = _page(
        response.status_code,
        "Nothing to look at here",
        "This address only takes what a form sends. Please go back, and on from there.",
    )
    response.content = page.content
    for name, value in page.items():
        response[name] = value


def unavailable(request: HttpRequest) -> HttpResponse:
    """503, and when to come back: something that this page needs is away."""
    return _later(
        _page(
            503, "Back in a moment", "This workspace cannot be reached right now. Please try again."
        )
    )


def busy(request: HttpRequest) -> HttpResponse:
    """503, and when to come back: as many requests as may be are under way already.

    Those who are refused together are told different times, up to thrice as long, so that they do
    not all come back together.
    """
    page = _page(
        503, "Too much at once", "More is asked here than can be answered. Please try again."
    )
    return _later(page, times=uniform(1, 3))


def _later(response: HttpResponse, *, times: float = 1) -> HttpResponse:
    seconds = tenant_settings().retry_after.total_seconds() * times
    response["Retry-After"] = str(max(1, round(seconds)))
    return response


def refusal(request: HttpRequest, verdict: Verdict, name: str) -> HttpResponse:
    """The page for a tenant that is not served."""
    match verdict:
        case Verdict.SUSPENDED:
            return suspended(request, name)
        case Verdict.GONE:
            return unknown(request)
        case Verdict.NOT_READY | Verdict.WAIT:
            return unavailable(request)
        case Verdict.SERVE:
            raise ValueError(f"{name} is served: there is nothing to refuse.")
        case _:
            assert_never(verdict)


def _page(status: int, title: str, text: str) -> HttpResponse:
    # Its plain name, which collectstatic keeps beside the one of its content: to look that one up
    # can fail, and a page without its sheet still says what it has to.
    sheet = f"{settings.STATIC_URL or '/static/'}tenants/pages.css"
    page = _PAGE.format(title=escape(title), text=escape(text), sheet=escape(sheet))
    response = HttpResponse(page, status=status)
    # It is about this moment: nobody between us and the browser may keep it.
    response["Cache-Control"] = "no-store"
    # It is answered before the middleware that says this of other pages.
    response["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; frame-ancestors 'none'"
    )
    response["Cross-Origin-Opener-Policy"] = "same-origin"
    response["Referrer-Policy"] = "same-origin"
    response["X-Content-Type-Options"] = "nosniff"
    response["X-Frame-Options"] = "DENY"
    return response
