"""A message is written with the change that it tells of, or not at all."""

import pytest
from django.db import transaction

from sharding import scope
from tenants.outbox.errors import NoTransaction, UnknownTopic
from tenants.outbox.services.drain import drain
from tenants.outbox.services.publish import publish
from tests.integration.outbox.conftest import left


def test_what_a_tenant_publishes_is_delivered_once_in_its_scope(fig, gum, hop, tell, deliveries):
    tell(fig, "one", "two")
    tell(gum, "three")
    tell(hop, "four")
    for place in (fig, gum, hop):
        with scope.enter(place):
            drain()
            drain()
    assert deliveries.of(fig) == ["one", "two"]
    assert deliveries.of(gum) == ["three"]
    assert deliveries.of(hop) == ["four"]
    assert left(fig) == left(gum) == left(hop) == []


def test_what_is_rolled_back_is_not_told(fig, tell, deliveries):
    with scope.enter(fig):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            publish("test", "never")
            1 / 0  # noqa: B018
        with transaction.atomic():
            publish("test", "kept")
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                publish("test", "taken back")
                1 / 0  # noqa: B018
        drain()
    assert deliveries.of(fig) == ["kept"]


def test_publishing_needs_a_tenant_a_transaction_and_a_topic(fig, tell, deliveries):
    with pytest.raises(scope.NoTenantInScope):
        publish("test", "whose?")
    with scope.enter(fig):
        with pytest.raises(NoTransaction, match="atomic"):
            publish("test", "alone")
        with pytest.raises(UnknownTopic, match="register_topic"), transaction.atomic():
            publish("tset", "misspelt")
    assert left(fig) == []
