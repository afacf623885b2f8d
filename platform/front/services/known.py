"""Keep in control, as keyed hashes, which tenants know which addresses.

Fed by the topic `member-address` of each tenant's outbox: in order, at least once.
"""

from typing import Any, Final
from uuid import UUID

from django.db import connections, transaction

from accounts.models import User
from front.keys import address_digest
from front.models import CONTROL
from sharding import scope
from tenants.outbox.models import Message
from tenants.outbox.services.publish import publish

TOPIC: Final = "member-address"

_LEARN: Final = """
INSERT INTO front_knownaddress AS known (tenant_id, "user", digest, message)
VALUES (%s, %s, %s, %s)
ON CONFLICT (tenant_id, "user") DO UPDATE SET digest = EXCLUDED.digest, message = EXCLUDED.message
WHERE known.message < EXCLUDED.message
"""
"""An older message that comes late, from a task that was thought dead, changes nothing."""

_FORGET_OTHERS: Final = """
UPDATE front_knownaddress SET digest = '', message = %s
WHERE tenant_id = %s AND message < %s AND NOT "user" = ANY(%s)
"""


def learn_address(message: Message) -> None:
    """Take in that a member of the tenant in scope has an address, or none any more.

    The payload is {"user": uuid, "email": text or null}, or what `publish_all_addresses` writes.

    Transaction: opens its own on control.
    Idempotent: by message.
    """
    place = scope.tenant("A member's address")
    if "all" in message.payload:
        _learn_all(place.tenant_id, message)
    else:
        _learn(place.tenant_id, message.payload, message.pk)


def publish_all_addresses() -> int:
    """Have all addresses of the tenant in scope taken in anew; return how many there are.

    One message with all of them, in the same order as those of single changes: so it neither
    overtakes a change nor is overtaken by one.

    Locks: the rows of all members, so that changes under way are waited for.
    Transaction: opens its own on the tenant's shard.
    """
    with transaction.atomic():
        members = User.objects.select_for_update(of=("self",)).filter(is_active=True)
        everybody = [{"user": str(each.pk), "email": each.email} for each in members]
        publish(TOPIC, {"all": everybody})
    return len(everybody)


def _learn(tenant_id: str, change: dict[str, Any], number: int) -> None:
    email = change["email"]
    digest = address_digest(User.objects.normalize_email(email)) if email else ""
    with connections[CONTROL].cursor() as cursor:
        cursor.execute(_LEARN, [tenant_id, UUID(change["user"]), digest, number])


def _learn_all(tenant_id: str, message: Message) -> None:
    everybody = message.payload["all"]
    with transaction.atomic(using=CONTROL):
        for each in everybody:
            _learn(tenant_id, each, message.pk)
        users = [UUID(each["user"]) for each in everybody]
        with connections[CONTROL].cursor() as cursor:
            cursor.execute(_FORGET_OTHERS, [message.pk, tenant_id, message.pk, users])
