"""Move a tenant, with its traffic, to another shard."""

import time
from collections.abc import Callable
from typing import Final

import psycopg
from django.db import DatabaseError

from sharding.moves.core.states import PAUSING, MoveState
from sharding.moves.core.steps import Act, Mode, Step, Way, steps_from
from sharding.moves.errors import (
    FenceNotReached,
    MoveFailed,
    MoveOnHold,
    PauseFailed,
    Superseded,
    WrongMoveState,
    why_of,
)
from sharding.moves.models import Move
from sharding.moves.services import journal, preparing, streaming
from sharding.moves.services.acting import carry_out
from sharding.moves.services.holding import begun
from sharding.moves.services.work import Tell, Work, silent
from sharding.moves.types import MoveReceipt, MoveRequest
from sharding.placements.errors import LeaseLost
from sharding.schemas.errors import SchemaError

SERVERS: Final = (DatabaseError, psycopg.Error, SchemaError, OSError)
"""What a server does to a move, that does not answer or refuses something."""


def move_tenant(request: MoveRequest, *, tell: Tell = silent) -> MoveReceipt:
    """Take a tenant to another shard while it works.

    Up to the switch everything is taken back when something fails; after it the move is finished,
    by this process or by whoever finds it.

    Locks: the tenant's lease, while it works.
    Transaction: opens many, on control and both shards; forbids open ones.
    Idempotent: no; a tenant that is there already is refused.

    Raises:
        MoveRefused, AlreadyMoving, LeaseHeld: nothing was changed.
        PauseFailed: no pause could be had; the tenant is where it was, nothing is left.
        MoveFailed, MoveError: it was taken back; the message says why.
        MoveOnHold: it is journaled, and to be gone on with by `recover_move`.
        CopiesDiffer: the tenant is at the target; the source's copy is kept.
    """
    with begun(request, tell=tell) as work:
        tell(f"{work.move}, in {work.move.mode} mode")
        go_there(work, prepare)
    return receipt_of(journal.reread(work.move))


def go_there(work: Work, first: Callable[[Work], None]) -> None:
    """Do `first`, go through the pause and finish; before the switch, take it back if it fails.

    Raises:
        as `move_tenant`.
    """
    try:
        first(work)
        _pause_until_it_is_had(work)
    except (Superseded, LeaseLost, MoveOnHold):
        # Somebody else ends it, or will.
        raise
    except BaseException as error:
        if work.state.is_past_no_return:
            raise
        take_back_since(work, error)
        raise
    finish(work)


def prepare(work: Work) -> None:
    """All that comes before the gate, while the tenant works.

    Raises:
        LeaseLost, AbortAsked: before the next step; what was done is still there.
    """
    for step in work.steps(Way.FORWARD):
        if step.act is Act.GATE:
            break
        work.still_wanted()
        work.tell(step.does)
        carry_out(work, (step,))


def _pause_until_it_is_had(work: Work) -> None:
    """Try the pause as often as was asked for."""
    while True:
        work.still_wanted()
        CATCHES_UP[work.route.mode](work)
        work.tried += 1
        try:
            carry_out(work, _pause(work))
        except PauseFailed as error:
            work.close_lanes()
            work.tell(str(error))
            journal.note(work.move, "pause", "failed", why=str(error), tried=work.tried)
            if work.state in PAUSING:
                carry_out(work, work.steps(Way.ANEW))
            if work.tried >= work.request.attempts:
                raise
            time.sleep(work.request.between.total_seconds())
        else:
            return


CATCHES_UP: Final = {Mode.BLOCK: preparing.catch_up, Mode.LOGICAL: streaming.catch_up}


def _pause(work: Work) -> tuple[Step, ...]:
    """From closing the gate to the switch."""
    steps = steps_from(MoveState.COPIED, Way.FORWARD, work.route)
    last = next(number for number, step in enumerate(steps) if step.act is Act.SWITCH)
    return steps[: last + 1]


def finish(work: Work) -> None:
    """What comes after the switch.

    Raises:
        MoveOnHold: a server does not answer; what is left to do is journaled.
        CopiesDiffer: nothing is dropped.
    """
    try:
        carry_out(work, work.steps(Way.FORWARD))
    except (*SERVERS, FenceNotReached) as error:
        journal.note_error(work.move, why_of(error))
        raise MoveOnHold(work.move.pk, why_of(error)) from error


def take_back_since(work: Work, error: BaseException) -> None:
    """Undo what was done, since this has happened, and let control know why.

    Raises:
        MoveOnHold: a server does not answer; what is left to do is journaled.
        MoveFailed: what has happened, where it is a server's.
    """
    why = "its mover was interrupted" if isinstance(error, KeyboardInterrupt) else why_of(error)
    work.tell(f"taking it back: {why}")
    take_back(work)
    journal.note_error(work.move, why)
    if isinstance(error, SERVERS):
        raise MoveFailed(work.move.pk, why) from error


def take_back(work: Work) -> None:
    """Undo what was done, so that nothing of the move is left.

    Raises:
        MoveOnHold: a server does not answer; what is left to do is journaled.
    """
    work.close_lanes()
    try:
        carry_out(work, work.steps(Way.BACK))
    except (*SERVERS, FenceNotReached, WrongMoveState) as error:
        journal.note_error(work.move, why_of(error))
        raise MoveOnHold(work.move.pk, why_of(error)) from error


def receipt_of(move: Move) -> MoveReceipt:
    """How it stands."""
    result = move.result
    return MoveReceipt(
        move_id=move.pk,
        tenant_id=move.tenant_id,
        source=move.source,
        target=move.target,
        state=move.state,
        pause_ms=result.get("pause_ms", {}),
        rows=result.get("rows", 0),
        attempts=result.get("tried", 0),
        verified=result.get("verified", ""),
        owed=tuple(str(debt) for debt in journal.debts_of(move)),
        why=move.last_error,
    )
