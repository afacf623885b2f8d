"""End a move whose mover has died: finish it, or take it back, by what the shards say."""

from typing import Final, assert_never

import psycopg
from django.db import DatabaseError, transaction

from sharding.moves import ports
from sharding.moves.connections import take_over
from sharding.moves.core.recovery import UNSEEN, Place, Ruling, Sight, Verdict, decide
from sharding.moves.core.states import MoveState
from sharding.moves.errors import MoveError, MoveOnHold
from sharding.moves.models import CONTROL, Move
from sharding.moves.services import journal
from sharding.moves.services.holding import held, taken_over
from sharding.moves.services.moving import finish, receipt_of, take_back
from sharding.moves.services.work import Tell, Work, silent
from sharding.moves.types import MoveReceipt
from sharding.placements.errors import LeaseHeld, PlacementError
from sharding.placements.services.placing import get_placement, repair_placement
from sharding.registry.errors import RegistryError
from sharding.registry.types import Server
from sharding.schemas.errors import SchemaError, ServerUnreachable

ENDS_LATER: Final = (
    MoveError,
    PlacementError,
    RegistryError,
    SchemaError,
    DatabaseError,
    psycopg.Error,
)
"""What keeps one move from its end for now, and is no reason not to go on with the next one."""


def recover_move(name: str, *, tell: Tell = silent) -> MoveReceipt:
    """Bring a move to its end, wherever it was cut off.

    First it shuts its mover out: ends its sessions, writes a newer token, and reads only then.

    Locks: the tenant's lease, while it works.
    Transaction: opens many, on control and both shards; forbids open ones.
    Idempotent: a recovery that was cut off is gone on with by the next one.

    Raises:
        NoSuchMove: nothing was changed.
        LeaseHeld: its mover lives; nothing was changed.
        MoveOnHold: nobody can tell yet; nothing was opened.
        CopiesDiffer: the tenant is at the target; the source's copy is kept.
    """
    move = journal.find(name)
    if not MoveState(move.state).is_live:
        return receipt_of(move)
    with held(move.tenant_id, move.source, move.target) as hold:
        # As its mover has left it, which may have ended it just now.
        move = journal.reread(move)
        if MoveState(move.state).is_live:
            with taken_over(move, hold, tell=tell) as work:
                _recover(work)
    return receipt_of(journal.reread(move))


def _recover(work: Work) -> None:
    source, target = _see(work, work.source), _see(work, work.target)
    ruling = _rule(work, source, target)
    journal.note(work.move, "recover", ruling.verdict, why=ruling.why, token=work.token)
    work.tell(f"{ruling.why} So: {ruling.verdict}.")
    match ruling.verdict:
        case Verdict.NOTHING:
            return
        case Verdict.FORWARD:
            if work.state is not MoveState.SWITCHED:
                # Its mover may have died before it could say so.
                ports.gate.open(work.move.tenant_id)
            finish(work)
        case Verdict.REPAIR:
            _repair(work, target, ruling)
            finish(work)
        case Verdict.REPAIR_TURN:
            journal.repair_turn(work.move)
            _repair(work, source, ruling)
            finish(work)
        case Verdict.BACK:
            take_back(work)
        case Verdict.HOLD:
            raise MoveOnHold(work.move.pk, ruling.why)
        case _:
            assert_never(ruling.verdict)


def _rule(work: Work, source: Sight, target: Sight) -> Ruling:
    # After both were shut out, so that no older mover changes it under our hands.
    placement = get_placement(work.move.tenant_id)
    place = Place(placement.shard_id, placement.epoch)
    return decide(journal.as_journal(work.move), source, target, place)


def _see(work: Work, server: Server) -> Sight:
    try:
        return Sight(answers=True, marker=take_over(server, work.who))
    except ServerUnreachable:
        return UNSEEN


def _repair(work: Work, target: Sight, ruling: Ruling) -> None:
    """Tell control what the target shows. What the move owes is owed anew."""
    move = work.move
    assert target.marker is not None, "it is active"
    with transaction.atomic(using=CONTROL, durable=True):
        repair_placement(move.tenant_id, target=move.target, opened_epoch=target.marker.epoch)
        journal.owe_after_switch(move)
        journal.repair(move, why=ruling.why)


def abort_move(name: str, *, tell: Tell = silent) -> Move:
    """Have a move taken back: by its mover, or here, if that one has died.

    Raises:
        NoSuchMove: nothing was changed.
        WrongMoveState: it is past its point of no return, or has ended; nothing was changed.
        MoveOnHold: nobody can tell yet; nothing was opened.
    """
    move = journal.find(name)
    journal.ask_to_abort(move)
    try:
        recover_move(str(move.pk), tell=tell)
    except LeaseHeld as error:
        tell(f"its mover ({error.holder}) was told, and turns back at its next step")
    return journal.reread(move)
