"""Deliver what the outbox of the tenant in scope holds, in order, one drain per topic at a time."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now

from sharding import scope
from sharding.pools.outages import without_rows
from sharding.registry import current as addresses
from sharding.schemas.connections import BRIEF, login_connection
from sharding.scope import ports
from tenants.outbox.models import Message, ParkedMessage
from tenants.outbox.topics import find_topic, retries_of

log = logging.getLogger(__name__)

MOST_MESSAGES: Final = 100
LONGEST: Final = timedelta(seconds=20)
"""One drain ends after these, so that a tenant with much to tell does not keep a worker."""

# Of the transaction, since those of a session are nobody's to take but the owner's; the transaction
# is that of a connection which does nothing else. When its process is killed, the server sees the
# connection end and frees the topic at once.
_TAKE_TURN = "SELECT pg_try_advisory_xact_lock(hashtext(%s), hashtext(%s))"

_DUE = ExpressionWrapper(Q(next_try_at__lte=Now()), output_field=BooleanField())


@dataclass(slots=True)
class Drained:
    """What a drain did.

    Attributes:
        failed: messages that are tried again later.
        parked: messages that failed for the last time.
        more: it ended before the outbox was empty; another one should follow at once.
    """

    delivered: int = 0
    failed: int = 0
    parked: int = 0
    more: bool = False


def drain(*, most: int = MOST_MESSAGES, longest: timedelta = LONGEST) -> Drained:
    """Deliver what is due, each topic in order; a topic that another drain has is left to it.

    A message is deleted once its handler has returned. What is killed in between is delivered
    again; so is what was delivered while the shard went away.

    Locks: per tenant and topic, on a connection of its own, for as long as its messages last.
    Transaction: forbids an open one (test cases' apart): handlers open their own.

    Raises:
        NoTenantInScope: whose outbox?
        OpenTransaction: one is open; nothing was delivered.
        ServerUnreachable, OperationalError: the shard went away; what is left is left.
    """
    place = scope.tenant("Draining the outbox")
    if place.shard in ports.connections_probe.depths():
        raise scope.OpenTransaction(
            current=str(place), wanted="a drain of its outbox", aliases=(place.shard,)
        )
    done = Drained()
    gives_up_at = time.monotonic() + longest.total_seconds()
    busy: set[str] = set()

    def enough() -> bool:
        tried = done.delivered + done.failed + done.parked
        return tried >= most or time.monotonic() >= gives_up_at

    # Looked at again after every turn: a message that came when we had just looked for the last
    # time, and whose own drain found us at work, is ours.
    while topics := [name for name in _topics_due() if name not in busy]:
        for name in topics:
            with _turn(place, name) as mine:
                if not mine:
                    busy.add(name)
                    continue
                while not enough() and (message := _next(name)) is not None:
                    _deliver(place, message, done)
            if enough():
                done.more = bool(_topics_due())
                return done
    return done


def _topics_due() -> list[str]:
    """Topics whose first message is due."""
    firsts = Message.objects.order_by("topic", "id").distinct("topic").annotate(due=_DUE)
    return [name for name, due in firsts.values_list("topic", "due") if due]


def _next(topic: str) -> Message | None:
    """The first message of the topic, if it is due: the others wait for it."""
    first = Message.objects.filter(topic=topic).annotate(due=_DUE).order_by("id").first()
    return first if first is not None and first.due else None


@contextmanager
def _turn(place: scope.Placement, topic: str) -> Iterator[bool]:
    server = addresses.shard(place.shard)
    with (
        login_connection(server, server.direct, server.web, BRIEF) as connection,
        connection.transaction(),
    ):
        row = connection.execute(_TAKE_TURN, (f"atoll.outbox.{place.schema}", topic)).fetchone()
        yield bool(row and row[0])


def _deliver(place: scope.Placement, message: Message, done: Drained) -> None:
    try:
        topic = find_topic(message.topic)
        # Once more, so that a transaction that a handler leaves open is found out and ended.
        with scope.enter(place):
            topic.handler(message)
    except Exception as error:  # noqa: BLE001 - whatever a handler raises, other topics go on
        done.parked += (parked := _note_failure(message, error))
        done.failed += not parked
        return
    Message.objects.filter(pk=message.pk).delete()
    done.delivered += 1


def _note_failure(message: Message, error: Exception) -> bool:
    """Put the message off, or park it; whether it is parked."""
    retries = retries_of(message.topic)
    tries = message.tries + 1
    why = f"{type(error).__name__}: {without_rows(error)}"[:2000]
    if tries < retries.tries:
        pause = retries.pause_after(tries)
        Message.objects.filter(pk=message.pk).update(
            tries=tries, next_try_at=Now() + pause, last_error=why
        )
        log.warning("outbox %s: try %d of %d: %s", message, tries, retries.tries, why)
        return False
    with transaction.atomic():
        ParkedMessage.objects.create(
            id=message.pk,
            topic=message.topic,
            payload=message.payload,
            published_at=message.published_at,
            tries=tries,
            last_error=why,
        )
        Message.objects.filter(pk=message.pk).delete()
    log.error("outbox %s: parked after %d tries: %s", message, tries, why, exc_info=error)
    return True
