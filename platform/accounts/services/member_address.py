"""Tell whoever keeps track of them that a member's address came, went or changed."""

from typing import Final

from accounts.models import User
from tenants.outbox.errors import UnknownTopic
from tenants.outbox.services.publish import publish
from tenants.outbox.topics import find_topic

TOPIC: Final = "member-address"


def tell_address(user: User) -> None:
    """Publish `{"user": id, "email": address, or null if they cannot sign in}`.

    A product without a public host has nobody who handles the topic; then nobody is told.

    Transaction: needs one on the tenant's shard, the one that changes the member.
    """
    try:
        find_topic(TOPIC)
    except UnknownTopic:
        return
    publish(TOPIC, {"user": str(user.pk), "email": user.email if user.is_active else None})
