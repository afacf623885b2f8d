"""Idempotency-Key: a POST that is sent twice is done once."""

from collections.abc import Callable

from django.db.models import Model
from django.http import HttpRequest

from workspace.api.auth import caller
from workspace.services.receipts import make_once


def once(request: HttpRequest, key: str | None, make: Callable[[], Model]) -> int:
    """Call `make`, unless a request with this key has done so; return the key of what was made.

    Raises:
        KeyUsedOtherwise: the request with this key was another one.
    """

    def made() -> int:
        key: int = make().pk
        return key

    if key is None:
        return made()
    asked = f"{request.method} {request.path_info}\n".encode() + request.body
    return make_once(key, asked, made, by=caller(request).user)
