"""One id per request, from the front server or made here; every log line of the request has it."""

import logging
import os
import re
import secrets
from contextvars import ContextVar
from itertools import count
from typing import Final

from django.http import HttpRequest

from config.observability.secret_paths import pattern_of_secret

HEADER: Final = "X-Request-ID"
# What a log and a header can hold without harm; anything else is not believed.
_WELL_FORMED: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

request_id: ContextVar[str] = ContextVar("atoll_request_id", default="-")
"""The running request's; `-` outside of one."""


class _Maker:
    """Ids that no other process makes: a random beginning per process, then a number."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew: a forked child would go on with its parent's ids."""
        self._beginning = secrets.token_hex(6)
        self._numbers = count(1)

    def make(self) -> str:
        """An id that was never used."""
        return f"{self._beginning}-{next(self._numbers):x}"


_maker = _Maker()
os.register_at_fork(after_in_child=_maker.renew)


def id_of(given: str | None) -> str:
    """The id of a request that came with the header `given`."""
    if given is not None and _WELL_FORMED.fullmatch(given):
        return given
    return _maker.make()


class RequestFields(logging.Filter):
    """Gives every record `request_id`, `-` outside of a request; takes secrets out of addresses.

    Stands at a handler, as `routers.log_fields.ScopeFields` does.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the field; let every record through."""
        if not hasattr(record, "request_id"):
            request = getattr(record, "request", None)
            # Django logs a 404 or 500 when the response has left all middleware.
            meta = getattr(request, "META", {})
            record.request_id = meta.get(ID_KEY) or request_id.get()
            if isinstance(request, HttpRequest) and isinstance(record.args, tuple):
                _tell_no_secret(record, record.args, request)
        return True


def _tell_no_secret(
    record: logging.LogRecord, told: tuple[object, ...], request: HttpRequest
) -> None:
    pattern = pattern_of_secret(request)
    if pattern is not None:
        record.args = tuple(pattern if each == request.path else each for each in told)


ID_KEY: Final = "atoll.request_id"
"""Where a request's environ holds its id, for whoever logs it after its end."""
