"""What somebody does with a move that soaks: go the way back, or give it up."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from sharding.moves.core.states import MoveState
from sharding.moves.core.steps import Way
from sharding.moves.errors import MoveOnHold, WrongMoveState, why_of
from sharding.moves.models import Move
from sharding.moves.services import journal, soaking
from sharding.moves.services.acting import carry_out
from sharding.moves.services.holding import held, taken_over
from sharding.moves.services.moving import SERVERS, finish, go_there, receipt_of
from sharding.moves.services.recovering import recover_move
from sharding.moves.services.work import Tell, Work, silent
from sharding.moves.types import MoveReceipt
from sharding.placements.services.audit import record_audit


def rollback_move(
    name: str, *, max_pause: timedelta | None = None, tell: Tell = silent
) -> MoveReceipt:
    """Take a tenant back to where it came from, with all that it has written since.

    The same as the way there, with the ends in each other's places: the copy that followed is
    opened, and follows no more but is followed. So it can be turned once more.

    Locks: the tenant's lease, while it works.
    Transaction: opens many, on control and both shards; forbids open ones.

    Raises:
        NoSuchMove, WrongMoveState, LeaseHeld: nothing was changed.
        PauseFailed, MoveFailed, MoveError: the tenant is where it was; the way back is still open.
        MoveOnHold: it is journaled, and to be gone on with by `recover_move`.
        CopiesDiffer: the tenant is where it was to go back to; the other copy is kept.
    """
    with _taken(name, wanted="taken back", tell=tell) as work:
        if soaking.over(work.move):
            # Its tables may have been migrated since, and that does not travel.
            raise WrongMoveState(work.move.pk, found="at the end of its soak", wanted="taken back")
        record_audit("move.rollback", work.schema, after={"move": work.move.pk})
        if max_pause is not None:
            work.request = replace(work.request, max_pause=max_pause)
        go_there(work, _turn)
    return receipt_of(journal.reread(work.move))


def finish_move(name: str, *, tell: Tell = silent) -> MoveReceipt:
    """End a soak: the way back is given up, streams and the other copy are taken away.

    Idempotent: one that was cut off is gone on with by the next one.

    Locks: the tenant's lease, while it works.
    Transaction: opens many, on control and both shards; forbids open ones.

    Raises:
        NoSuchMove, WrongMoveState, LeaseHeld: nothing was changed.
        MoveOnHold: a shard does not answer; what is left to do there is journaled.
    """
    if MoveState(journal.find(name).state) is MoveState.FINISHING:
        # It was begun before, and did not come to its end.
        return recover_move(name, tell=tell)
    with _taken(name, wanted="finished", tell=tell) as work:
        record_audit("move.finish", work.schema, after={"move": work.move.pk})
        try:
            carry_out(work, work.steps(Way.FINISH)[:1])
        except SERVERS as error:
            raise MoveOnHold(work.move.pk, why_of(error), again=True) from error
        finish(work)
    return receipt_of(journal.reread(work.move))


def _turn(work: Work) -> None:
    for step in work.steps(Way.TURN):
        work.ours()
        work.tell(step.does)
        try:
            carry_out(work, (step,))
        except SERVERS as error:
            if work.state is not MoveState.SOAKING:
                raise
            # Whoever is to be left must answer: it may have acknowledged what it has not sent.
            raise MoveOnHold(work.move.pk, why_of(error), again=True) from error


@contextmanager
def _taken(name: str, *, wanted: str, tell: Tell) -> Iterator[Work]:
    """A move that soaks, made ours."""
    move = _soaking(journal.find(name), wanted)
    with held(move.tenant_id, move.source, move.target) as hold:
        with taken_over(_soaking(journal.reread(move), wanted), hold, tell=tell) as work:
            yield work


def _soaking(move: Move, wanted: str) -> Move:
    state = MoveState(move.state)
    if state is not MoveState.SOAKING:
        raise WrongMoveState(move.pk, found=state, wanted=wanted)
    return move
