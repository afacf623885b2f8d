"""Beat has each shard's own workers make spares, when they have nothing else to do."""

import json

import pytest
import redis
from django.conf import settings as django_settings

from config.celery_app import app
from console.tasks import LAST, make_spares_of, make_spares_of_all_shards
from migrations_tools.spares.services.fill import make_spares
from tests.fixtures.queues import lead_celery_to

BEHIND_ALL = f"\x06\x16{LAST}"
"""What Redis's transport appends to the name of a queue, for messages of this priority."""


@pytest.fixture
def broker(stack_ready, settings):
    before = app.conf.broker_url
    lead_celery_to(django_settings.CELERY_BROKER_URL)
    found = redis.Redis.from_url(django_settings.CELERY_BROKER_URL)
    found.flushdb()
    settings.ATOLL_SPARE_PAUSE_SECONDS = 0.001
    yield found
    found.flushdb()
    found.close()
    lead_celery_to(before)
    settings.ATOLL_SPARES = 0
    make_spares("alpha")


def asked(broker, shard: str) -> list[str]:
    messages = broker.lrange(f"shard.{shard}{BEHIND_ALL}", 0, -1)
    broker.delete(f"shard.{shard}{BEHIND_ALL}")
    return [json.loads(message)["headers"]["argsrepr"] for message in messages]


def test_each_shard_s_queue_is_asked_behind_all_that_tenants_want(broker):
    make_spares_of_all_shards.apply()
    assert (asked(broker, "alpha"), asked(broker, "beta")) == (["('alpha',)"], ["('beta',)"])
    assert broker.llen("shard.alpha") == 0


def test_a_task_makes_one_and_comes_again_for_the_next(broker, settings):
    settings.ATOLL_SPARES = 2
    make_spares_of.apply(("alpha",)).get()
    assert asked(broker, "alpha") == ["('alpha',)"]
    make_spares_of.apply(("alpha",)).get()
    assert asked(broker, "alpha") == []
    make_spares_of.apply(("alpha",)).get()
    assert asked(broker, "alpha") == []
