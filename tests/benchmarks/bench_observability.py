"""What one request pays for its id, count, log fields and slot, and one statement for its meter.

    python -m tests.benchmarks.bench_observability

The rest of a request is left out: a chain that answers at once, the same object each time.
"""

import os
import tempfile
import timeit
from types import SimpleNamespace
from typing import Any

NUMBER = 50_000
ROUNDS = 7


def microseconds(work, number=NUMBER) -> float:
    """The best of some rounds: what is left is noise of others."""
    return min(timeit.repeat(work, number=number, repeat=ROUNDS)) / number * 1e6


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        # As workers of gunicorn count: into files that they share.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
        import django

        django.setup()
        _measure()


def _slot_costs() -> float:
    from django.http import HttpResponse

    from sharding.pools.slots import Refused
    from sharding.scope import Placement
    from tenants.slots import held, take_slot

    entry: Any = SimpleNamespace(
        placement=Placement("t0aaaaaa", "alpha", "t0aaaaaa", 1, "g"), plan=""
    )
    response = HttpResponse("x")

    def one_request() -> None:
        slot = take_slot(entry)
        if isinstance(slot, Refused):
            raise AssertionError(slot)
        with held(slot) as kept:
            kept.until_sent(response)

    return microseconds(one_request)


def _measure() -> None:
    from time import monotonic

    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.test import RequestFactory

    from config.observability.handlers import ObservedWSGIHandler
    from sharding.pools.meters import meter_for
    from sharding.pools.tenant_use import requests
    from sharding.scope import Placement, enter

    request = RequestFactory().get("/")
    placement = SimpleNamespace(tenant_id="t0aaaaaa", shard="alpha")
    request.tenant = SimpleNamespace(placement=placement)
    request.resolver_match = SimpleNamespace(kwargs={}, route="")
    response = HttpResponse("x")
    costs = {}
    for handler in (WSGIHandler(), ObservedWSGIHandler()):
        handler._middleware_chain = lambda request: response
        costs[type(handler).__name__] = microseconds(
            lambda made=handler: made.get_response(request)
        )
    meter = meter_for("alpha")
    place = Placement("t0aaaaaa", "alpha", "t0aaaaaa", 1, "g")

    def wait() -> None:
        began = monotonic()
        meter.add(monotonic() - began + 0.001)

    def of_tenant() -> float:
        with enter(place):
            return microseconds(wait)

    request_costs = costs["ObservedWSGIHandler"] - costs["WSGIHandler"]
    print(f"a request:   {request_costs:.2f} µs, summing up included")
    print(f"its slot:    {_slot_costs():.2f} µs, settings looked up and with block included")
    print(f"its tenant:  {microseconds(lambda: requests.add('t0aaaaaa')):.2f} µs, likewise")
    print(f"a statement: {microseconds(wait):.2f} µs, likewise; in a scope {of_tenant():.2f} µs")


if __name__ == "__main__":
    main()
