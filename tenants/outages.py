"""Remember at a request that it failed because a server is away."""

import sys
from typing import Final

from django.http import HttpRequest

from sharding.pools.outages import causes, says_away
from tenants.errors import DirectoryAway

NOTED: Final = "_atoll_outage"


def is_outage(error: BaseException) -> bool:
    """Whether `error`, or what it was raised from, says that a server could not be asked."""
    return says_away(error) or any(isinstance(each, DirectoryAway) for each in causes(error))


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
