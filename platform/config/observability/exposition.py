"""The page that a scraper reads."""

import os
from collections.abc import Iterator
from typing import Any, Final

import redis
from django.conf import settings
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from config.observability.metrics import BROKER_UP, QUEUE_WAITING, REGISTRY
from config.observability.processes import SHARED_FOLDER
from config.observability.publishing import publish
from config.observability.redis_urls import client_options
from routers.queues import CONTROL_QUEUE, shard_queue
from sharding.registry import current as registry

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def exposition() -> bytes:
    """All figures: of this process, or of all that share its folder."""
    publish()
    shown: CollectorRegistry = REGISTRY
    if SHARED_FOLDER in os.environ:
        shown = CollectorRegistry()
        collect: Any = MultiProcessCollector
        collect(shown)
    return generate_latest(shown) + generate_latest(_queues)


class QueueCollector(Collector):
    """How many tasks wait in each queue; asked when somebody scrapes."""

    def collect(self) -> Iterator[Metric]:
        """The queues' lengths, or only that the broker does not answer."""
        waiting = _gauge(*QUEUE_WAITING)
        up = _gauge(*BROKER_UP)
        try:
            lengths = _lengths()
        except redis.RedisError:
            up.add_metric((), 0)
        else:
            up.add_metric((), 1)
            for queue, length in lengths.items():
                waiting.add_metric((queue,), length)
        yield up
        yield waiting


_queues: Final = CollectorRegistry()
_queues.register(QueueCollector())


def _gauge(name: str, meaning: str, labels: tuple[str, ...]) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, labels=labels)


def _lengths() -> dict[str, int]:
    queues = (CONTROL_QUEUE, *map(shard_queue, registry.registry().shards))
    with redis.Redis(**client_options(settings.CELERY_BROKER_URL)) as client:
        asked = client.pipeline(transaction=False)
        for queue in queues:
            asked.llen(queue)
        return dict(zip(queues, asked.execute(), strict=True))
