"""Views of the public host, and the pages that say why something cannot be done."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from front.errors import BrokerAway, LinkVoid, TooOften, UnknownSignUp

_GONE: Final = 410
_TOO_MANY: Final = 429
_AWAY: Final = 503

View = Callable[..., HttpResponse]


def open_page(*methods: str) -> Callable[[View], View]:
    """A view for everybody, kept in no cache, with pages for what the services refuse."""

    def decorate(view: View) -> View:
        @login_not_required
        @require_http_methods(methods)
        @never_cache
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return view(request, *args, **kwargs)
            except TooOften as error:
                return _too_often(request, error)
            except (LinkVoid, UnknownSignUp):
                return render(request, "front/link_void.html", status=_GONE)
            except BrokerAway:
                return _nobody_works(request)

        return answer

    return decorate


def _too_often(request: HttpRequest, error: TooOften) -> HttpResponse:
    answer = render(request, "front/too_often.html", {"error": error}, status=_TOO_MANY)
    answer["Retry-After"] = str(max(1, round(error.retry_after.total_seconds())))
    return answer


def _nobody_works(request: HttpRequest) -> HttpResponse:
    answer = render(request, "front/nobody_works.html", status=_AWAY)
    answer["Retry-After"] = "10"
    return answer
