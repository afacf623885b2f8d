"""Who may see a page of the console. A view without one of these marks fails: see urls.py."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from console.models import Operator
from console.services.sign_in import operator_of
from console.sessions import SessionStore
from sharding.placements.services.audit import actor

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

MARK: Final = "atoll_operators_only"

AGAIN: Final = "again"
"""In the address that a page which shows progress asks by itself, with scripts and without."""


def operators_only(view: View[P]) -> View[P]:
    """Serve operators who have signed in with both factors; ask everybody else to.

    `request.user` is the operator, `request.session` theirs, and what is done is audited as theirs.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        attach(request)
        if not request.user.is_authenticated:
            ask = reverse("console:sign_in")
            if request.method == "GET":
                there = request.path if _asks_by_itself(request) else request.get_full_path()
                ask = f"{ask}?{urlencode({'next': there})}"
            if "HX-Request" in request.headers:
                # htmx would follow a redirect and put that page into this one.
                return _private(HttpResponse(headers={"HX-Redirect": ask}))
            return HttpResponseRedirect(ask)
        before = actor.get()
        actor.set(operator(request).actor)
        try:
            return _private(view(request, *args, **kwargs))
        finally:
            actor.set(before)

    setattr(guarded, MARK, True)
    return cast(View[P], login_not_required(guarded))


def open_to_strangers(view: View[P]) -> View[P]:
    """Serve anybody; `request.user` is the operator or an AnonymousOperator."""

    @wraps(view)
    def opened(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        attach(request)
        return _private(view(request, *args, **kwargs))

    return cast(View[P], login_not_required(opened))


def attach(request: HttpRequest) -> None:
    """Give the request the operators' session, in place of the tenants', and its operator.

    What a page asks by itself it asks whether or not anybody sits before it.
    """
    request.session = SessionStore(
        request.COOKIES.get(settings.SESSION_COOKIE_NAME), somebody=not _asks_by_itself(request)
    )
    setattr(request, "user", operator_of(request.session))  # noqa: B010 - another class than User


def operator(request: HttpRequest) -> Operator:
    """The operator of a page for operators only."""
    return cast(Operator, cast(Any, request).user)


def _asks_by_itself(request: HttpRequest) -> bool:
    return request.method == "GET" and AGAIN in request.GET


def _private(response: HttpResponse) -> HttpResponse:
    # A browser's back button must not show what an operator saw before signing out.
    response.headers.setdefault("Cache-Control", "no-store")
    return response
