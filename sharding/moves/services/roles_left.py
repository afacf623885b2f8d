"""Take away the role that a tenant has left behind, once nobody can meet its absence.

A process that has heard nothing of a move yet is told by the source that there is no such table,
and knows that for a move. Without the role it would be told something else.
"""

import logging
from contextlib import ExitStack
from datetime import timedelta
from typing import Final

from django.db.models.functions import Now

from sharding.moves.core.states import MoveState
from sharding.moves.models import CONTROL, Move
from sharding.moves.services import journal
from sharding.placements.errors import LeaseHeld, NoSuchPlacement
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import get_placement
from sharding.registry import current as addresses
from sharding.registry.errors import UnknownShard
from sharding.schemas.errors import ServerUnreachable
from sharding.schemas.services.roles import drop_role

log = logging.getLogger(__name__)

KEPT: Final = timedelta(hours=1)
"""Longer than any process believes what it has not asked again."""
_PURPOSE: Final = "drop role"
_SAID: Final = "role_at_source"


def drop_roles_left(*, older_than: timedelta = KEPT) -> int:
    """Drop the roles of tenants that left a shard so long ago; return how many.

    A tenant that has come back keeps it. What cannot be done now is left for the next time.

    Locks: the lease of one tenant after the other.
    Idempotent.
    """
    moves = Move.objects.using(CONTROL).filter(
        state=MoveState.DONE, ended_at__lt=Now() - older_than
    )
    dropped = 0
    for move in moves.exclude(result__has_key=_SAID).order_by("pk"):
        try:
            said = "dropped" if _drop(move) else "in use"
        except (LeaseHeld, ServerUnreachable, UnknownShard) as error:
            log.info("The role %s stays on %s for now: %s", move.tenant_id, move.source, error)
            continue
        journal.keep_result(move, **{_SAID: said})
        dropped += said == "dropped"
    return dropped


def _drop(move: Move) -> bool:
    with ExitStack() as stack:
        try:
            # A mover that brings the tenant back would need it.
            stack.enter_context(lease(move.tenant_id, _PURPOSE))
            if get_placement(move.tenant_id).shard_id == move.source:
                return False
        except NoSuchPlacement:
            pass  # it was purged meanwhile
        return drop_role(addresses.shard(move.source), move.tenant_id)
