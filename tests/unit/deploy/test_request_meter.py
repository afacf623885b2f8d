"""Requests are summed up as prometheus_client would have counted each by itself."""

import random

import pytest
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from config.observability import request_meter
from config.observability.metrics import REGISTRY, REQUEST_SECONDS
from config.observability.request_meter import count_request, forget_requests, publish_requests


@pytest.fixture(autouse=True)
def _nothing_left_over():
    publish_requests()
    yield
    forget_requests()


def number(name, **labels):
    return REGISTRY.get_sample_value(name, labels) or 0


def test_observing_many_at_once_is_observing_each():
    amounts = [random.Random(7).expovariate(4) for _ in range(500)]
    amounts += [0, 0.005, 0.1, 30, 31, *REQUEST_SECONDS._upper_bounds[:-1]]
    own, ours = CollectorRegistry(), CollectorRegistry()
    bounds = REQUEST_SECONDS._upper_bounds
    one_by_one = Histogram("h", "h", buckets=bounds, registry=own)
    together = Histogram("h", "h", buckets=bounds, registry=ours)
    for amount in amounts:
        one_by_one.observe(amount)
    request_meter._observe_all(together, amounts)

    def told(registry):
        lines = generate_latest(registry).decode().splitlines()
        return [line for line in lines if "_created" not in line and "_sum" not in line]

    assert told(ours) == told(own)
    assert ours.get_sample_value("h_sum") == pytest.approx(own.get_sample_value("h_sum"))


def test_every_request_is_counted_once_published():
    labels = {"shard": "gamma", "method": "GET", "status": "2xx"}
    before = number("atoll_requests_total", **labels)
    for _ in range(5):
        count_request(("gamma", "GET", 204, 0.01))
    assert number("atoll_requests_total", **labels) == before
    publish_requests()
    assert number("atoll_requests_total", **labels) == before + 5
    publish_requests()
    assert number("atoll_requests_total", **labels) == before + 5
    assert number("atoll_request_seconds_count", shard="gamma") == before + 5


def test_nothing_piles_up_when_nobody_publishes():
    for _ in range(2_500):
        count_request(("gamma", "GET", 200, 0.01))
    assert len(request_meter._fresh) < 1_000


@pytest.mark.parametrize("method", ["BREW", "get", "", None, "X" * 1000])
def test_methods_that_anybody_can_invent_are_one(method):
    labels = {"shard": "gamma", "method": "other", "status": "4xx"}
    before = number("atoll_requests_total", **labels)
    count_request(("gamma", method, 405, 0.01))
    publish_requests()
    assert number("atoll_requests_total", **labels) == before + 1
