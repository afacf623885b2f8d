"""Take a move back, or only its pause. Each step finds out by itself what there is to undo."""

from django.db import transaction

from sharding.moves import ports
from sharding.moves.connections import Who, make_durable, mover_connection, take_over
from sharding.moves.core.states import PAUSING, MoveState
from sharding.moves.models import CONTROL
from sharding.moves.services import journal
from sharding.moves.services.ending import disarm_end, drop_end
from sharding.moves.services.work import Work
from sharding.moves.types import DebtKind
from sharding.placements.services.placing import get_placement, set_placement_state
from sharding.placements.states import PlacementState
from sharding.registry.types import Server
from sharding.schemas.services.fence import grant_permit
from sharding.schemas.services.markers import read_marker, set_phase
from sharding.schemas.services.roles import drop_role
from sharding.schemas.types import Phase


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
    unfence_end(work.source, work.who)


def unfence_end(server: Server, who: Who) -> None:
    """Let the copy on one shard accept writes again, if it is fenced.

    The caller has made sure that the tenant lives there.

    Transaction: one, durable.
    Idempotent.

    Raises:
        Superseded: somebody with a newer token is at work; nothing was changed.
    """
    with mover_connection(server, who) as connection, connection.transaction():
        make_durable(connection)
        marker = read_marker(connection, who.schema)
        if marker is not None and marker.phase is Phase.FENCED:
            set_phase(connection, who.schema, Phase.ACTIVE, token=who.token)
            grant_permit(connection, who.schema)


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
