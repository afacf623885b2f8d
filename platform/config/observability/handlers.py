"""Django's handlers, which also tell what became of each request."""

from time import perf_counter
from typing import Final

from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponseBase

from config.observability.metrics import NO_SHARD
from config.observability.request_ids import HEADER, ID_KEY, id_of, request_id
from config.observability.request_meter import count_request
from config.observability.secret_paths import pattern_of_secret
from tenants.asgi import SheddingASGIHandler
from tenants.gating.attempts import current_attempt

SEEN: Final = "atoll.seen"
"""Where a request's environ holds (tenant, shard, user, pattern) for its log line; the pattern
only where the path is a secret."""


class ObservedWSGIHandler(WSGIHandler):
    """Counts each request, and gives it an id that goes out with the response.

    Around all middleware: what a tenant was is known here, and no response can get by.
    """

    def get_response(self, request: HttpRequest) -> HttpResponseBase:
        """The response to `request`."""
        began = perf_counter()
        before = _begin(request)
        try:
            response = super().get_response(request)
            _end(request, response, perf_counter() - began)
        finally:
            request_id.set(before)
        return response


class ObservedASGIHandler(SheddingASGIHandler):
    """The same for ASGI."""

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """The response to `request`."""
        began = perf_counter()
        before = _begin(request)
        try:
            response: HttpResponseBase = await super().get_response_async(request)
            _end(request, response, perf_counter() - began)
        finally:
            request_id.set(before)
        return response


def _begin(request: HttpRequest) -> str:
    before = request_id.get()
    meta = request.META
    meta[ID_KEY] = mine = id_of(meta.get("HTTP_X_REQUEST_ID"))
    request_id.set(mine)
    return before


def _end(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    attempt = current_attempt.get()
    if attempt is not None and attempt.runs_again:
        return  # nobody gets this response, and the next run is counted
    meta, known = request.META, request.__dict__
    entry = known.get("tenant")
    tenant, shard = "-", NO_SHARD
    if entry is not None:
        place = entry.placement
        tenant, shard = place.tenant_id, place.shard
    # Who asked, if somebody looked: finding out here would be a query.
    user = known.get("_cached_user")
    pattern = pattern_of_secret(request)
    meta[SEEN] = (tenant, shard, None if user is None else user.pk, pattern)
    count_request((shard, request.method, response.status_code, seconds))
    response.headers[HEADER] = meta[ID_KEY]
