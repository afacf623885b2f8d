"""Take a move back, or only its pause. Each step finds out by itself what there is to undo."""

from typing import Final

from django.db import transaction

from sharding.moves import ports
from sharding.moves.connections import mover_connection, take_over
from sharding.moves.core.states import PAUSING, MoveState
from sharding.moves.models import CONTROL
from sharding.moves.services import journal
from sharding.moves.services.ending import disarm_end, drop_end
from sharding.moves.services.work import Work
from sharding.moves.types import DebtKind
from sharding.placements.services.placing import get_placement, set_placement_state
from sharding.placements.states import PlacementState
from sharding.schemas.services.fence import grant_permit
from sharding.schemas.services.markers import read_marker, set_phase
from sharding.schemas.services.roles import drop_role
from sharding.schemas.types import Phase

_DURABLE: Final = "SET LOCAL synchronous_commit TO on"


def turn_back(work: Work) -> None:
    """From here on nobody goes forward with it."""
    journal.advance(work.move, MoveState.ABORTING, step="turn_back")


def claim_source(work: Work) -> None:
    """Shut older movers out of the source. The target may be away: that keeps nobody waiting."""
    take_over(work.source, work.who)


def unfence(work: Work) -> None:
    """The source accepts writes again, if it had refused them.

    Transaction: one, durable, there; before it one on control.

    Raises:
        WrongMoveState: the tenant lives at the target; nothing was opened.
    """
    journal.check_not_switched(work.move)
    with mover_connection(work.source, work.who) as connection, connection.transaction():
        connection.execute(_DURABLE)
        marker = read_marker(connection, work.schema)
        if marker is not None and marker.phase is Phase.FENCED:
            set_phase(connection, work.schema, Phase.ACTIVE, token=work.token)
            grant_permit(connection, work.schema)


def release_back(work: Work) -> None:
    """Requests go on where they were. Of a pause that is tried again the journal says so."""
    tenant_id = work.move.tenant_id
    with transaction.atomic(using=CONTROL, durable=True):
        if get_placement(tenant_id).state == PlacementState.MOVING:
            set_placement_state(tenant_id, PlacementState.READY)
        if work.state in PAUSING:
            journal.advance(work.move, MoveState.COPIED, step="release_back")
    ports.gate.open(tenant_id)


def drop_target(work: Work) -> None:
    """The copy at the target goes; its row stays, so that a late mover is known."""
    if journal.owes(work.move, work.move.target, DebtKind.DROP):
        take_over(work.target, work.who)
        drop_end(work, work.target)
        drop_role(work.target, work.schema)


def disarm_source(work: Work) -> None:
    """The source's guards rest again."""
    if journal.owes(work.move, work.move.source, DebtKind.DISARM):
        disarm_end(work, work.source)
