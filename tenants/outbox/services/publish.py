"""Write a message, in the transaction of the change that it tells of."""

from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from sharding import scope
from tenants.outbox.errors import NoTransaction
from tenants.outbox.models import Message
from tenants.outbox.services.asking import ask_for_drain
from tenants.outbox.topics import find_topic


def publish(topic: str, payload: Any) -> Message:
    """Write a message of the tenant in scope; it is delivered soon after the commit.

    `payload` is what JSON can say; put ids there and no secrets: it lies in the tenant's database
    until it is delivered, and longer if it cannot be.

    At least once, and in the order of publishing within a topic. Of transactions that overlap, the
    later commit may tell its messages later although they were published before.

    Transaction: needs one on the tenant's shard.

    Raises:
        NoTenantInScope: whose message would it be?
        NoTransaction: none is open; nothing was written.
        UnknownTopic: nobody handles it; nothing was written.
    """
    place = scope.tenant(f"Publishing {topic}")
    find_topic(topic)
    if not connection.in_atomic_block:
        raise NoTransaction(topic)
    message = Message.objects.create(topic=topic, payload=payload)
    ask = _Ask(place.tenant_id)
    # Many messages of one transaction ask once. What a savepoint takes back is taken from this
    # list as well, and then the next message asks again.
    if not any(ask in waiting for waiting in connection.run_on_commit):
        transaction.on_commit(ask, robust=True)
    return message


@dataclass(frozen=True, slots=True)
class _Ask:
    """Asks for a drain; equal for equal tenants."""

    tenant_id: str

    def __call__(self) -> None:
        ask_for_drain()
