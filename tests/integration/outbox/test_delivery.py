"""In order per topic, at least once, put off when it fails, parked in the end."""

import threading
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from sharding import scope
from sharding.placements.models import AuditEntry
from tenants.outbox import topics
from tenants.outbox.models import Message, ParkedMessage
from tenants.outbox.services import drain as draining
from tenants.outbox.services.drain import drain
from tenants.outbox.services.retry import retry_outbox
from tenants.outbox.services.status import outbox_status
from tenants.outbox.topics import Retries
from tests.integration.outbox.conftest import left

LATER = Retries(tries=3, first_pause=timedelta(hours=1))


def drain_of(place, **limits):
    with scope.enter(place):
        return drain(**limits)


def fail(message):
    raise ConnectionError(f"no mail server for {message.payload}")


def test_a_failure_holds_back_its_topic_of_its_tenant_and_nothing_else(fig, gum, tell, topic):
    mail, other = topic("mail-of-test", retries=LATER), topic("other")
    mail.instead = lambda message: fail(message) if message.payload == "bad" else None
    tell(fig, "good", "bad", "after", topic="mail-of-test")
    tell(gum, "after", topic="mail-of-test")
    tell(fig, "passes", topic="other")
    done = drain_of(fig)
    assert (done.delivered, done.failed, done.parked, done.more) == (2, 1, 0, False)
    drain_of(gum)
    assert (mail.of(fig), mail.of(gum), other.of(fig)) == (["good"], ["after"], ["passes"])
    assert left(fig) == ["bad", "after"]
    assert drain_of(fig).failed == 0, "not before its time"
    with scope.enter(fig):
        bad = Message.objects.get(payload="bad")
        assert (bad.tries, bad.last_error) == (1, "ConnectionError: no mail server for bad")
        mail.instead = None
        assert retry_outbox(dry_run=True).hurried == 1
        retry_outbox(topic="mail-of-test")
    drain_of(fig)
    assert mail.of(fig) == ["good", "bad", "after"]


def test_what_fails_to_the_end_is_parked_and_those_after_it_go_on(fig, tell, deliveries):
    deliveries.instead = lambda message: fail(message) if message.payload == "bad" else None
    (bad, _) = tell(fig, "bad", "after")
    done = drain_of(fig)
    assert (done.delivered, done.failed, done.parked) == (1, 2, 1)
    assert deliveries.of(fig) == ["after"]
    with scope.enter(fig):
        parked = ParkedMessage.objects.get()
    assert (parked.id, parked.payload, parked.tries) == (bad.id, "bad", 3)
    (line,) = outbox_status(["fig"]).lines
    assert (line.slug, line.topic, line.waiting, line.parked) == ("fig", "test", 0, 1)
    assert "no mail server" in line.last_error

    deliveries.instead = None
    tell(fig, "later")
    said = StringIO()
    with pytest.raises(CommandError, match="Nobody handles the topic 'mial'; there are") as refusal:
        call_command("retry_outbox", "fig", topic="mial", stdout=said)
    assert refusal.value.returncode == 2
    call_command("retry_outbox", "fig", dry_run=True, stdout=said)
    call_command("retry_outbox", "fig", stdout=said)
    assert said.getvalue().splitlines() == [
        "fig: 1 parked and 0 waiting messages would be tried at once.",
        "fig: 1 parked and 0 waiting messages are tried at once.",
    ]
    drain_of(fig)
    assert deliveries.of(fig) == ["after", "bad", "later"], "it stands where it stood"
    entry = AuditEntry.objects.using("control").get(action="outbox.retry", after__unparked=1)
    assert (entry.subject, entry.after["hurried"]) == (fig.tenant_id, 0)


def test_a_handler_may_open_transactions_and_one_that_leaves_one_open_is_caught(
    fig, tell, deliveries
):
    def durably(message):
        with transaction.atomic(durable=True):
            ParkedMessage.objects.create(
                id=-1, topic="x", payload=0, published_at=message.published_at, tries=0
            )

    deliveries.instead = durably
    tell(fig, "one")
    drain_of(fig)
    assert deliveries.of(fig) == ["one"]
    deliveries.instead = lambda message: transaction.atomic().__enter__()
    tell(fig, "two")
    assert drain_of(fig).parked == 1
    with scope.enter(fig):
        assert "LeftOpenTransaction" in ParkedMessage.objects.get(payload="two").last_error


def test_a_drain_inside_a_transaction_is_refused(fig, tell, deliveries):
    tell(fig, "one")
    with (
        scope.enter(fig),
        transaction.atomic(),
        pytest.raises(scope.OpenTransaction, match="drain"),
    ):
        drain()
    assert left(fig) == ["one"]


def test_a_topic_that_nobody_handles_any_more_waits(fig, tell, topic):
    topic("gone", retries=LATER)
    tell(fig, "one", topic="gone")
    topics.forget_topic("gone")
    assert drain_of(fig).failed == 1
    with scope.enter(fig):
        assert "UnknownTopic" in Message.objects.get().last_error


def test_a_drain_ends_after_so_many_and_says_that_there_is_more(fig, tell, deliveries):
    tell(fig, *range(5))
    assert drain_of(fig, most=3).more
    assert not drain_of(fig, most=3).more
    assert deliveries.of(fig) == [0, 1, 2, 3, 4]


class Drains:
    """Two drains of one tenant at once: the first is in its handler while the second tries."""

    def __init__(self, place, deliveries):
        self.place = place
        self.inside = threading.Event()
        self.go_on = threading.Event()
        self.seen = []
        deliveries.instead = self._handle

    def _handle(self, message):
        if message.payload == "first" and not self.inside.is_set():
            self.inside.set()
            assert self.go_on.wait(20)
        self.seen.append(message.payload)

    def run(self):
        first = threading.Thread(target=self._drain)
        first.start()
        assert self.inside.wait(20)
        second = drain_of(self.place)
        self.go_on.set()
        first.join(20)
        return second

    def _drain(self):
        drain_of(self.place)
        connections.close_all()


def test_two_drains_at_once_deliver_in_order_and_nothing_twice(fig, tell, deliveries):
    drains = Drains(fig, deliveries)
    tell(fig, "first", "second", "third")
    assert drains.run().delivered == 0
    assert drains.seen == ["first", "second", "third"]


def test_negative_control_without_turns_they_deliver_twice(fig, tell, deliveries, monkeypatch):
    monkeypatch.setattr(draining, "_TAKE_TURN", "SELECT %s || %s IS NOT NULL")
    drains = Drains(fig, deliveries)
    tell(fig, "first", "second", "third")
    drains.run()
    assert drains.seen == ["first", "second", "third", "first"]


def test_a_drain_of_one_tenant_does_not_hold_up_another_on_the_shard(fig, gum, tell, deliveries):
    def other_tenant_meanwhile(message):
        if message.payload == "slow":
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join(20)

    def elsewhere():
        drain_of(gum)
        connections.close_all()

    deliveries.instead = other_tenant_meanwhile
    tell(fig, "slow")
    tell(gum, "quick")
    drain_of(fig)
    assert deliveries.seen == [(gum.tenant_id, "quick"), (fig.tenant_id, "slow")]
