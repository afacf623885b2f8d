"""Which error becomes which problem. What is not listed is a bug, and Django's to deal with."""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError

from workspace.api.auth import challenge
from workspace.api.problems import Problem
from workspace.errors import KeyUsedOtherwise, NotAssignable, TicketChangedMeanwhile
from workspace.models import Ticket


def tell_errors(api: NinjaAPI) -> None:
    """Let `api` answer with problems."""
    for kind, problem in _PROBLEMS.items():
        api.add_exception_handler(kind, _handler(problem))
    api.add_exception_handler(Exception, _leave_to_django)


def _handler(problem: Callable[[Any], Problem]) -> Callable[[HttpRequest, Any], HttpResponse]:
    def answer(request: HttpRequest, error: Any) -> HttpResponse:
        # The view ends well as far as ATOMIC_REQUESTS can see, which would commit what was done
        # until the error.
        if connection.in_atomic_block:
            transaction.set_rollback(True)
        return problem(error).response()

    return answer


def _leave_to_django(request: HttpRequest, error: Any) -> HttpResponse:
    """Undone, logged, counted as an outage if it is one; ProblemMiddleware tells it.

    Registered since ninja's own handler shows a traceback where DEBUG is on, and commits.
    """
    raise error


def _as_it_is(error: Problem) -> Problem:
    return error


def _of_http(error: HttpError) -> Problem:
    # What a parser raises is wrapped by ninja.
    if isinstance(error.__cause__, Problem):
        return error.__cause__
    return Problem(error.status_code)


def _unauthorized(error: AuthenticationError) -> Problem:
    return Problem(401, headers=challenge())


def _too_many(error: Throttled) -> Problem:
    return Problem(429)  # ninja adds Retry-After


def _invalid(error: ValidationError) -> Problem:
    wrong = [{"where": _place(each["loc"]), "why": str(each["msg"])} for each in error.errors]
    return Problem(422, errors=wrong)


def _place(location: tuple[int | str, ...]) -> str:
    """Such as `body.title`; the name of our function's parameter, between the two, is left out."""
    where, *rest = location
    return ".".join(map(str, (where, *(rest[1:] if where == "body" else rest))))


def _not_found(error: Exception) -> Problem:
    return Problem(404)


def _forbidden(error: Exception) -> Problem:
    return Problem(403)


def _too_large(error: Exception) -> Problem:
    return Problem(413)


def _changed_meanwhile(error: TicketChangedMeanwhile) -> Problem:
    return Problem(
        409,
        str(error),
        errors=[
            {"where": f"body.{change.field}", "why": f"is {change.after!r} now, by {change.by}"}
            for change in error.changes
        ],
    )


def _key_used(error: KeyUsedOtherwise) -> Problem:
    return Problem(409, errors=[{"where": "header.Idempotency-Key", "why": str(error)}])


def _not_assignable(error: NotAssignable) -> Problem:
    # 409 and not 422: the request is as the document wants it, and clashes with who is here.
    return Problem(409, errors=[{"where": "body.assignee", "why": str(error)}])


_PROBLEMS: dict[type[Exception], Callable[[Any], Problem]] = {
    Problem: _as_it_is,
    AuthenticationError: _unauthorized,
    Throttled: _too_many,
    HttpError: _of_http,
    ValidationError: _invalid,
    Http404: _not_found,
    Ticket.DoesNotExist: _not_found,
    PermissionDenied: _forbidden,
    RequestDataTooBig: _too_large,
    TicketChangedMeanwhile: _changed_meanwhile,
    NotAssignable: _not_assignable,
    KeyUsedOtherwise: _key_used,
}
