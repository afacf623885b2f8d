"""Errors of the API as problem documents (RFC 9457), whoever found them."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from django.http import HttpResponse, JsonResponse
from ninja import Schema
from pydantic import Field

MEDIA_TYPE: Final = "application/problem+json"
PREFIX: Final = "/api/"
"""Below this path every error is a problem document."""

SAYS: Final[Mapping[int, str]] = {
    400: "The request cannot be read.",
    401: "A token is wanted that is good for this workspace: `Authorization: Bearer atoll_…`.",
    403: "Whose token this is may not do that, or the workspace is closed.",
    404: "There is nothing at this address.",
    405: "This address does not do that. The header Allow says what it does.",
    409: "This clashes with what or who is there; `errors` says how.",
    413: "The body is too large.",
    415: "The body must be JSON, and its Content-Type application/json.",
    422: "The request is not as the document wants it; `errors` says where.",
    429: "Too many requests with this token. The header Retry-After says when to go on.",
    500: "Something went wrong. It has been noted.",
    503: "The workspace cannot be reached right now. The header Retry-After says when to come.",
}


class Wrong(Schema):
    """One thing that is wrong with a request."""

    where: str = Field(description="Where in the request, such as `body.title`.")
    why: str


class ProblemOut(Schema):
    """Why a request was not fulfilled (RFC 9457). Nothing was changed."""

    type: str = "about:blank"
    title: str = Field(description="The status in words.")
    status: int
    detail: str = Field(description="What is wrong and what to do.")
    errors: list[Wrong] | None = Field(None, description="Each thing that is wrong.")


class Problem(Exception):
    """An operation cannot be done; the answer is this problem and nothing was changed."""

    def __init__(
        self,
        status: int,
        detail: str | None = None,
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail or says(status)
        self.errors = errors
        self.headers = headers or {}
        super().__init__(self.detail)

    def response(self) -> HttpResponse:
        """The problem document."""
        content: dict[str, Any] = {
            "type": "about:blank",
            "title": title(self.status),
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            content["errors"] = list(self.errors)
        response = JsonResponse(content, status=self.status, content_type=MEDIA_TYPE)
        response["Cache-Control"] = "no-store"
        for name, value in self.headers.items():
            response[name] = value
        return response


def title(status: int) -> str:
    """The status in words; `about:blank` wants nothing else as title."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def says(status: int) -> str:
    """What a status means here."""
    return SAYS.get(status, title(status))
