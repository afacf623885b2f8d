"""Enter a tenant as a command does: no heartbeat has told it what is held, no group what it serves.

Web processes and workers know both: a heartbeat tells them which shards an operator holds, and one
that would serve more shards than it may does not start.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connections

from sharding import scope
from sharding.placements.services.holding import refuse_held
from tenants.models import Tenant
from tenants.services.finding import placement_of


@contextmanager
def entered(tenant: Tenant) -> Iterator[None]:
    """The tenant's scope, for a command.

    One that is under way when its shard is held goes on.

    Raises:
        NoSuchPlacement, ShardHeld: nobody may go there now.
    """
    place = placement_of(tenant)
    refuse_held(place.shard)
    handler: Any = connections  # ours
    handler.make_room_for(place.shard)
    with scope.enter(place):
        yield
