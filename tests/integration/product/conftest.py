"""Three tenants: acme and birch share a shard, coral is on the other one."""

import base64
import json
import time
from dataclasses import dataclass

import pytest
import redis
from django.conf import settings
from django.core.cache import caches
from django.test import Client

from config.celery_app import app
from sharding import scope
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionRequest
from tests.fixtures.servers import redis_is_back
from workspace.models import Export

PASSWORD = "a password of the tests"


@dataclass(frozen=True)
class Workspace:
    """One tenant, as its people reach it."""

    slug: str
    name: str
    place: scope.Placement
    password: str = PASSWORD

    @property
    def host(self):
        return f"{self.slug}.localhost"

    @property
    def email(self):
        return f"admin@{self.slug}.example"

    def scope(self):
        return scope.enter(self.place)

    def visitor(self, **options):
        return Client(headers={"host": self.host}, **options)

    def member(self, email=None, password=None, **options):
        visitor = self.visitor(**options)
        with self.scope():
            assert visitor.login(username=email or self.email, password=password or self.password)
        return visitor

    def download_latest_export(self):
        with self.scope():
            export = Export.objects.latest("requested_at")
            deadline = time.monotonic() + 20
            while not export.file:
                assert time.monotonic() < deadline, "no worker has written it"
                time.sleep(0.05)
                export.refresh_from_db()
        return self.member().get(f"/exports/{export.pk}/tickets.csv")


def make(slug, name, shard):
    receipt = provision_tenant(
        ProvisionRequest(
            slug=slug,
            name=name,
            shard=shard,
            admin_email=f"admin@{slug}.example",
            admin_password=PASSWORD,
        )
    )
    return Workspace(slug, name, receipt.placement)


@pytest.fixture(scope="session")
def acme(stack_ready):
    return make("acme", "Acme Tools", "alpha")


@pytest.fixture(scope="session")
def birch(stack_ready):
    return make("birch", "Birch & Sons", "alpha")


@pytest.fixture(scope="session")
def coral(stack_ready):
    return make("coral", "Coral Travel", "beta")


@pytest.fixture(autouse=True)
def _files_of_this_test(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"


class Broker:
    """The queues, looked at from outside."""

    def __init__(self, url):
        self._redis = redis.Redis.from_url(url)

    def messages(self, queue):
        return [json.loads(message) for message in self._redis.lrange(queue, 0, -1)]

    def only_message(self, queue):
        (message,) = self.messages(queue)
        arguments, *_ = json.loads(base64.b64decode(message["body"]))
        return {**message, "arguments": arguments}

    def wait_until_empty(self, queue):
        """Until every message was taken and its task has ended."""
        deadline = time.monotonic() + 20
        while self._redis.llen(queue) or self._redis.hlen("unacked"):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def empty(self):
        self._redis.flushdb()

    def close(self):
        self._redis.close()


@pytest.fixture
def broker(stack_ready):
    """The real queues, empty at the start; Celery is led to them."""
    url = settings.CELERY_BROKER_URL
    broker = Broker(url)
    broker.empty()
    before = app.conf.broker_url
    _lead_celery_to(url)
    yield broker
    broker.empty()
    broker.close()
    _lead_celery_to(before)


def _lead_celery_to(url):
    app.conf.update(broker_url=url)
    # What a forked child does to forget connections that are not its own.
    vars(type(app))["_after_fork"](app)


@pytest.fixture
def redis_away(stack, broker):
    """Redis refuses connections for the length of a test."""
    stack.stop_server("redis")
    caches.close_all()
    yield
    stack.start_server("redis")
    caches.close_all()
    redis_is_back()
