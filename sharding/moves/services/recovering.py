"""End a move whose mover has died: finish it, or take it back, by what the shards say."""

from typing import assert_never

from django.db import transaction

from sharding.moves import ports
from sharding.moves.conf import move_settings
from sharding.moves.connections import take_over
from sharding.moves.core.recovery import UNSEEN, Place, Ruling, Sight, Verdict, decide
from sharding.moves.core.states import MoveState
from sharding.moves.errors import MoveOnHold
from sharding.moves.models import CONTROL, Move
from sharding.moves.services import journal
from sharding.moves.services.moving import PURPOSE, finish, receipt_of, take_back
from sharding.moves.services.tokens import newest_token
from sharding.moves.services.work import Tell, Work, silent
from sharding.moves.types import MoveReceipt, MoveRequest
from sharding.placements.errors import LeaseHeld
from sharding.placements.services.dead_holders import free_of_the_dead
from sharding.placements.services.keeping import kept
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import get_placement, repair_placement
from sharding.registry import current as addresses
from sharding.registry.types import Server
from sharding.schemas.errors import ServerUnreachable


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
    wanted = lease(move.tenant_id, PURPOSE, move_settings().lease)
    with free_of_the_dead(wanted) as held, kept(held) as ours:
        # As its mover has left it, which may have ended it while we waited.
        move = journal.find(name)
        if MoveState(move.state).is_live:
            source, target = addresses.shard(move.source), addresses.shard(move.target)
            held.raise_token(newest_token(move.tenant_id, source, target) + 1)
            move = journal.take(move, token=held.token, mover=held.holder)
            request = MoveRequest.of(move.tenant_id, move.target, move.asked)
            work = Work(move, request, held, ours, tell)
            with work.closing():
                _recover(work)
    return receipt_of(journal.find(str(move.pk)))


def _recover(work: Work) -> None:
    target = _see(work, work.target)
    ruling = _rule(work, target)
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
        case Verdict.BACK:
            take_back(work)
        case Verdict.HOLD:
            raise MoveOnHold(work.move.pk, ruling.why)
        case _:
            assert_never(ruling.verdict)


def _rule(work: Work, target: Sight) -> Ruling:
    source = _see(work, work.source)
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


def abort_move(name: str, *, by: str = "", tell: Tell = silent) -> Move:
    """Have a move taken back: by its mover, or here, if that one has died.

    Raises:
        NoSuchMove: nothing was changed.
        WrongMoveState: it is past its point of no return, or has ended; nothing was changed.
        MoveOnHold: nobody can tell yet; nothing was opened.
    """
    move = journal.find(name)
    journal.ask_to_abort(move, by=by)
    try:
        recover_move(str(move.pk), tell=tell)
    except LeaseHeld as error:
        tell(f"its mover ({error.holder}) was told, and turns back at its next step")
    return journal.find(str(move.pk))
