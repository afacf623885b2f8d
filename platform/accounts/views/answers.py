"""Answers that several pages give."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts.errors import LinkNotGood, TooManyAttempts


def too_many(response: HttpResponse, error: TooManyAttempts) -> HttpResponse:
    """Make an answer a refusal: come back later."""
    response.status_code = 429
    response["Retry-After"] = str(max(1, int(error.wait.total_seconds())))
    return response


def link_not_good(request: HttpRequest, error: LinkNotGood) -> HttpResponse:
    """The page of a link that leads nowhere (any more)."""
    return render(request, "accounts/link_not_good.html", {"error": error}, status=404)


def back_to(page: str, *, done: str) -> HttpResponseRedirect:
    """To a page of ours, which then says that something was done."""
    return HttpResponseRedirect(f"{reverse(f'accounts:{page}')}?{urlencode({'done': done})}")
