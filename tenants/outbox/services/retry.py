"""Try again what failed, at once."""

from dataclasses import dataclass

from django.db import transaction
from django.db.models.functions import Now

from sharding import scope
from sharding.placements.services.audit import record_audit
from tenants.outbox.models import Message, ParkedMessage
from tenants.outbox.services.asking import ask_for_drain
from tenants.outbox.topics import find_topic


@dataclass(frozen=True, slots=True)
class Retried:
    """What is tried again, or would be.

    Attributes:
        unparked: messages that had been given up; they stand where they stood, by their ids.
        hurried: messages that waited for their next try.
    """

    unparked: int
    hurried: int


def retry_outbox(*, topic: str = "", dry_run: bool = False) -> Retried:
    """Put parked messages back, with all their tries before them, and let none wait.

    Of the tenant in scope, of one topic or of all.

    Audited in control.

    Transaction: opens one on the tenant's shard, or joins it; asks for a drain after the commit.

    Raises:
        UnknownTopic: nobody handles it, nor is there a message of it.
    """
    if topic and not any(
        model.objects.filter(topic=topic).exists() for model in (Message, ParkedMessage)
    ):
        find_topic(topic)
    only = {"topic": topic} if topic else {}
    parked = ParkedMessage.objects.filter(**only)
    delayed = Message.objects.filter(next_try_at__gt=Now(), **only)
    if dry_run:
        return Retried(parked.count(), delayed.count())
    with transaction.atomic():
        hurried = delayed.update(next_try_at=Now())
        taken = list(parked.select_for_update())
        Message.objects.bulk_create(
            Message(
                id=message.id,
                topic=message.topic,
                payload=message.payload,
                published_at=message.published_at,
                last_error=message.last_error,
            )
            for message in taken
        )
        parked.filter(id__in=[message.id for message in taken]).delete()
        if taken or hurried:
            transaction.on_commit(ask_for_drain, robust=True)
    if taken or hurried:
        record_audit(
            "outbox.retry",
            scope.tenant("Retrying the outbox").tenant_id,
            after={"topic": topic, "unparked": len(taken), "hurried": hurried},
        )
    return Retried(len(taken), hurried)
