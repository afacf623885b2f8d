"""Which errors mean that a server is away, whatever code they passed through on the way up."""

import sys
from collections.abc import Iterator
from typing import Final

import psycopg
from django.http import HttpRequest

from tenants.errors import DirectoryAway

NOTED: Final = "_atoll_outage"

_SQLSTATES: Final = frozenset(
    # The server is shutting down or starting, or has no connection to spare.
    {"57P01", "57P02", "57P03", "53300"}
)
_CONNECTION_CLASS: Final = "08"


def is_outage(error: BaseException) -> bool:
    """Whether `error`, or what it was raised from, says that a server could not be asked.

    An OperationalError without SQLSTATE comes from the client: it could not connect, lost the
    connection, or gave up waiting (ShardAway, a pool's time-out).
    """
    return any(_says_away(each) for each in _causes(error))


def note_outage(sender: object, request: HttpRequest | None = None, **more: object) -> None:
    """Remember at the request that it failed because a server is away.

    Receives Django's got_request_exception: the one place that every error passes which becomes a
    500, be it a view's, a template's or another middleware's.
    """
    error = sys.exc_info()[1]
    if request is not None and error is not None and is_outage(error):
        setattr(request, NOTED, True)


def was_noted(request: HttpRequest) -> bool:
    """Whether `note_outage` saw one for this request."""
    return bool(getattr(request, NOTED, False))


def _says_away(error: BaseException) -> bool:
    if isinstance(error, DirectoryAway):
        return True
    if not isinstance(error, psycopg.OperationalError):
        return False
    state = error.sqlstate
    return state is None or state.startswith(_CONNECTION_CLASS) or state in _SQLSTATES


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__
