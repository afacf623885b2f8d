"""Whether a schema was taken over: from then on it is the only copy of its tenant's data."""

from sharding import scope
from sharding.registry import current as addresses
from sharding.registry.types import Server
from sharding.schemas.connections import own_connection
from sharding.schemas.services.markers import read_marker
from tenants.adoption.errors import AlreadyTakenOver
from tenants.models import CONTROL, Provisioning

ADOPTED_FROM = "adopted_from"
"""What the journal says of the contents of an adopted tenant, with the schema's old name."""


def is_taken(server: Server, schema: str) -> bool:
    """Whether the tenant's schema is there: the take-over makes it and its mark in one commit."""
    with own_connection(server) as connection:
        return read_marker(connection, schema) is not None


def refuse_taken_over(tenant_id: str, slug: str, place: scope.Placement) -> None:
    """Let nobody undo, and so drop, what was adopted.

    Raises:
        AlreadyTakenOver: nothing was changed.
    """
    asked = Provisioning.objects.using(CONTROL).get(tenant_id=tenant_id).asked
    adopted = ADOPTED_FROM in (asked.get("contents") or {})
    if adopted and is_taken(addresses.shard(place.shard), place.schema):
        raise AlreadyTakenOver(slug)
