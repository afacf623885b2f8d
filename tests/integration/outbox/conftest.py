"""Two tenants on one shard, a third on another; a topic whose deliveries are written down."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.db import transaction

from sharding import scope
from tenants.outbox import topics
from tenants.outbox.models import Message, ParkedMessage
from tenants.outbox.services.publish import publish
from tenants.outbox.topics import Retries
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionRequest

AT_ONCE = Retries(tries=3, first_pause=timedelta(), longest_pause=timedelta())


def make(slug, shard):
    return provision_tenant(
        ProvisionRequest(
            slug=slug,
            shard=shard,
            admin_email=f"admin@{slug}.example",
            admin_password="a password of the tests",
        )
    ).placement


@pytest.fixture(scope="session")
def fig(stack_ready):
    return make("fig", "alpha")


@pytest.fixture(scope="session")
def gum(stack_ready):
    return make("gum", "alpha")


@pytest.fixture(scope="session")
def hop(stack_ready):
    return make("hop", "beta")


@dataclass
class Deliveries:
    """What the handler was given, and what it does instead of delivering."""

    seen: list = field(default_factory=list)
    instead: object = None

    def handle(self, message):
        if self.instead is not None:
            self.instead(message)
        place = scope.tenant_or_none()
        self.seen.append((place.tenant_id, message.payload))

    def of(self, place):
        return [payload for tenant_id, payload in self.seen if tenant_id == place.tenant_id]


@pytest.fixture
def topic():
    """Registers topics, and forgets them after the test."""
    made = []

    def register(name="test", *, retries=AT_ONCE):
        deliveries = Deliveries()
        topics.register_topic(name, deliveries.handle, retries=retries)
        made.append(name)
        return deliveries

    yield register
    for name in made:
        topics.forget_topic(name)


@pytest.fixture
def deliveries(topic):
    return topic()


@pytest.fixture
def tell(fig, gum, hop):
    """Publishes in a tenant's scope; all outboxes are empty before and after."""
    empty(fig, gum, hop)

    def tell(place, *payloads, topic="test"):
        with scope.enter(place), transaction.atomic():
            return [publish(topic, payload) for payload in payloads]

    yield tell
    empty(fig, gum, hop)


def empty(*places):
    for place in places:
        with scope.enter(place):
            Message.objects.all().delete()
            ParkedMessage.objects.all().delete()


def left(place):
    with scope.enter(place):
        return list(Message.objects.order_by("id").values_list("payload", flat=True))
