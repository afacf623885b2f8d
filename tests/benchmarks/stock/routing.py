"""Host → shard: looked up in the cache, then in the table; a router follows it."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.http import HttpRequest, HttpResponseBase

from tests.benchmarks.stock.models import Host

_KEPT_SECONDS = 30
shard_in_use: ContextVar[str] = ContextVar("bench_stock_shard", default="default")


class HostMiddleware:
    """Works on the shard of the request's host. The first of all middleware."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        name = request.get_host().partition(":")[0]
        shard = cache.get(f"host {name}")
        if shard is None:
            shard = Host.objects.using("default").get(name=name).shard
            cache.set(f"host {name}", shard, timeout=_KEPT_SECONDS)
        shard_in_use.set(shard)
        return self.get_response(request)


class AtomicViewMiddleware:
    """Each view in a transaction on its shard. The last of all middleware.

    ATOMIC_REQUESTS on two databases would begin a transaction on both for every request.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        with transaction.atomic(using=shard_in_use.get()):
            return view(request, *args, **kwargs)


class ByHost:
    """Every model on the shard in use, but the table of hosts."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "default" if model is Host else shard_in_use.get()

    db_for_write = db_for_read
