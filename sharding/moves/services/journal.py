"""The journal of a move in control. Each change is a compare-and-set on its token."""

import logging
from collections.abc import Mapping
from typing import Final

from django.db import DatabaseError, IntegrityError, connections, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from sharding.moves.connections import IDENTITY
from sharding.moves.core.recovery import Journal
from sharding.moves.core.states import ENDS, MoveState, may_become, may_turn
from sharding.moves.core.steps import Mode
from sharding.moves.errors import AlreadyMoving, NoSuchMove, Superseded, WrongMoveState
from sharding.moves.models import CONTROL, Move, MoveDebt, MoveEvent
from sharding.moves.types import DebtKind, MoveRequest
from sharding.placements.services.audit import record_audit

log = logging.getLogger(__name__)

_SWITCH: Final = """
    WITH switched AS (
        UPDATE moves_move SET state = %(to)s, last_error = '', changed_at = statement_timestamp()
        WHERE id = %(move)s AND token = %(token)s AND state = ANY (%(from)s::text[])
        RETURNING id
    ), settled AS (
        UPDATE moves_movedebt SET settled_at = statement_timestamp()
        WHERE move_id IN (SELECT id FROM switched)
          AND shard = %(target)s AND kind = %(arrived)s AND settled_at IS NULL
    ), owed AS (
        INSERT INTO moves_movedebt (move_id, shard, kind)
        SELECT id, shard, kind
        FROM switched, unnest(%(shards)s::text[], %(kinds)s::text[]) AS owed (shard, kind)
        ON CONFLICT (move_id, shard, kind) DO UPDATE SET settled_at = NULL
    ), told AS (
        INSERT INTO moves_moveevent (move_id, step, said, facts)
        SELECT id, 'switch', %(to)s, '{}' FROM switched
    )
    SELECT id FROM switched
"""


def begin(request: MoveRequest, *, source: str, token: int, mover: str, size: int = 0) -> Move:
    """Write down that a move begins. `size`: bytes of tables and indexes at the source.

    Transaction: opens one on control, durable: what it does is done after that.

    Raises:
        AlreadyMoving: the tenant has a live one.
    """
    try:
        with transaction.atomic(using=CONTROL, durable=True):
            move = Move(
                tenant_id=request.tenant_id,
                source=source,
                target=request.target,
                mode=request.mode or Mode.BLOCK,
                token=token,
                mover=mover,
                asked=request.to_json(),
                asked_by=request.asked_by,
                control_identity=control_identity(),
                result={"bytes": size} if size else {},
            )
            move.save(using=CONTROL, force_insert=True)
            _event(move.pk, "begin", MoveState.PLANNED, {"token": token})
            told = {"move": move.pk, "from": source, "to": request.target}
            record_audit("move.begin", request.tenant_id, after=told, by=request.asked_by)
    except IntegrityError as error:
        other = live_move_of(request.tenant_id)
        if other is None:
            raise
        raise AlreadyMoving(other.tenant_id, move_id=other.pk, state=other.state) from error
    return move


def find(name: str) -> Move:
    """The move of this number, or the newest of this tenant id.

    Raises:
        NoSuchMove: there is none.
    """
    moves = Move.objects.using(CONTROL)
    wanted = moves.filter(pk=int(name)) if name.isdigit() else moves.filter(tenant_id=name)
    found = wanted.order_by("-pk").first()
    if found is None:
        raise NoSuchMove(name)
    return found


def reread(move: Move) -> Move:
    """The same move as control has it now.

    Raises:
        NoSuchMove: it was purged meanwhile, with its tenant.
    """
    return find(str(move.pk))


def live_move_of(tenant_id: str) -> Move | None:
    """The move that a tenant is in."""
    live = Move.objects.using(CONTROL).filter(tenant_id=tenant_id).exclude(state__in=sorted(ENDS))
    return live.first()


def take(move: Move, *, token: int, mover: str) -> Move:
    """Make a move ours: whoever had an older token changes nothing in it any more.

    Locks: the caller holds the tenant's lease, of this token.

    Raises:
        Superseded: somebody with a newer token has it.
    """
    taken = (
        Move.objects.using(CONTROL)
        .filter(pk=move.pk, token__lte=token)
        .update(token=token, mover=mover, changed_at=Now())
    )
    if not taken:
        raise Superseded(move.tenant_id, token=token)
    return reread(move)


def advance(move: Move, to: MoveState, *, step: str, **facts: object) -> None:
    """Write down that the move is in another state.

    Locks: the move's row.
    Transaction: opens one on control, or joins the caller's, to which it then belongs.

    Raises:
        Superseded: somebody with a newer token has it; nothing was written.
        WrongMoveState: the table of transitions does not allow it; nothing was written.
    """
    with transaction.atomic(using=CONTROL, savepoint=False):
        row = _locked(move)
        found = MoveState(row.state)
        if found is not to:
            if not may_become(found, to):
                raise WrongMoveState(move.pk, found=found, wanted=to)
            _set_state(row, to)
        _event(move.pk, step, to, facts)
    move.state = to


def switch(move: Move) -> None:
    """Write down that the tenant lives at the target, and what is owed from now on.

    What `advance` and `owe_after_switch` would write, in one question: it is asked in the pause.

    Locks: the move's row.
    Transaction: needs the one on control in which the tenant's place changes.

    Raises:
        Superseded: somebody with a newer token has it; nothing was written.
        WrongMoveState: the table of transitions does not allow it; nothing was written.
    """
    to, owed = MoveState.SWITCHED, _owed_after_switch(move)
    facts: dict[str, int | str | list[str]] = {
        "move": move.pk,
        "token": move.token,
        "from": [state.value for state in MoveState if may_become(state, to)],
        "to": to.value,
        "target": move.target,
        "arrived": DebtKind.DROP.value,
        "shards": [shard for shard, _ in owed],
        "kinds": [kind.value for _, kind in owed],
    }
    with connections[CONTROL].cursor() as cursor:
        cursor.execute(_SWITCH, facts)
        written = cursor.fetchone() is not None
    if not written:
        raise WrongMoveState(move.pk, found=MoveState(_locked(move).state), wanted=to)
    move.state = to


def turn(move: Move, to: MoveState, *, step: str) -> None:
    """Write down that source and target have changed places, and in which state the move is then.

    Locks: the move's row.
    Transaction: opens one on control, durable.

    Raises:
        Superseded: somebody with a newer token has it; nothing was written.
        WrongMoveState: it cannot turn there; nothing was written.
    """
    with transaction.atomic(using=CONTROL, durable=True):
        row = _locked(move)
        found = MoveState(row.state)
        if not may_turn(found, to):
            raise WrongMoveState(move.pk, found=found, wanted=to)
        _row(row).update(source=row.target, target=row.source, turns=row.turns + 1)
        _set_state(row, to)
        _event(move.pk, step, to, {"from": row.target, "to": row.source})
    move.source, move.target = row.target, row.source
    move.turns, move.state = row.turns + 1, to


def repair_turn(move: Move) -> None:
    """Let the ends change places in a move that control remembers as it was before it turned.

    Locks: the move's row.
    Transaction: opens one on control, durable. Cut off after it, the next look repairs the rest.

    Raises:
        Superseded: somebody with a newer token has it; nothing was written.
    """
    with transaction.atomic(using=CONTROL, durable=True):
        row = _locked(move)
        _row(row).update(
            source=row.target, target=row.source, turns=row.turns + 1, state=MoveState.COPIED
        )
        _event(move.pk, "repair_turn", MoveState.COPIED, {"from": row.target, "to": row.source})
    move.source, move.target = row.target, row.source
    move.turns, move.state = row.turns + 1, MoveState.COPIED


def check_not_switched(move: Move) -> None:
    """Make sure that the tenant still lives at the source, before anything is opened there.

    Locks: the move's row, so that a switch whose reply was lost has ended one way or the other.
    Transaction: opens one on control, durable.

    Raises:
        Superseded: somebody with a newer token has the move.
        WrongMoveState: it was switched.
    """
    with transaction.atomic(using=CONTROL, durable=True):
        found = MoveState(_locked(move).state)
    if found.is_past_no_return:
        raise WrongMoveState(move.pk, found=found, wanted="taken back")


def repair(move: Move, *, why: str) -> None:
    """Write down a switch that control has forgotten, since the target shows it.

    Transaction: needs one on control, in which the placement is changed as well.

    Raises:
        Superseded: somebody with a newer token has it; nothing was written.
    """
    row = _locked(move)
    _set_state(row, MoveState.SWITCHED)
    _event(move.pk, "repair", MoveState.SWITCHED, {"before": row.state, "why": why})
    move.state = MoveState.SWITCHED


def note(move: Move, step: str, said: str, **facts: object) -> None:
    """Keep that a step is about to begin, or what came of it."""
    _event(move.pk, step, said, facts)


def note_error(move: Move, error: str) -> None:
    """Keep for `show_move` why it stopped, if control can be told."""
    try:
        _row(move).filter(token=move.token).update(last_error=error, changed_at=Now())
    except DatabaseError:
        log.warning("Control does not answer; it is not told why %s stopped", move)


def keep_result(move: Move, **facts: object) -> None:
    """Add to what the move has measured."""
    move.result = {**move.result, **facts}
    _row(move).filter(token=move.token).update(result=move.result, changed_at=Now())


def keep_copied(move: Move, seconds: float) -> None:
    """Add to how long its rows were copied and what belongs to them was built, for predictions."""
    size = move.result.get("bytes", 0)
    if not size:
        return
    copied = move.result.get("copied") or {
        "from": move.source, "to": move.target, "bytes": size, "seconds": 0.0
    }  # fmt: skip
    keep_result(move, copied={**copied, "seconds": round(copied["seconds"] + seconds, 3)})


def owe(move: Move, *debts: tuple[str, DebtKind]) -> None:
    """Write down what will have to be taken away there. Before it is made.

    Transaction: opens one on control, or joins the caller's.
    Idempotent: a debt that was settled is owed again.

    Raises:
        Superseded: somebody with a newer token has the move; nothing was written.
    """
    with transaction.atomic(using=CONTROL, savepoint=False):
        _locked(move)
        MoveDebt.objects.using(CONTROL).bulk_create(
            [MoveDebt(move=move, shard=shard, kind=kind) for shard, kind in debts],
            update_conflicts=True,
            unique_fields=["move", "shard", "kind"],
            update_fields=["settled_at"],
        )


def owe_after_switch(move: Move) -> None:
    """The other copy is to go from now on.

    Transaction: needs the one on control in which the tenant's place changes.

    Raises:
        Superseded: somebody with a newer token has the move.
    """
    settle(move, move.target, DebtKind.DROP)
    owe(move, *_owed_after_switch(move))


def _owed_after_switch(move: Move) -> tuple[tuple[str, DebtKind], ...]:
    return (
        (move.target, DebtKind.DISARM),
        (move.source, DebtKind.SEAL),
        (move.source, DebtKind.DROP),
    )


def settle(move: Move, shard: str, *kinds: DebtKind) -> None:
    """Write down that it was taken away, or is not to be. Idempotent."""
    MoveDebt.objects.using(CONTROL).filter(
        move=move, shard=shard, kind__in=kinds, settled_at=None
    ).update(settled_at=Now())


def owes(move: Move, shard: str, kind: DebtKind) -> bool:
    """Whether that is still to be taken away."""
    return debts_of(move).filter(shard=shard, kind=kind).exists()


def debts_of(move: Move) -> QuerySet[MoveDebt]:
    """What it still owes."""
    return MoveDebt.objects.using(CONTROL).filter(move=move, settled_at=None)


def ask_to_abort(move: Move) -> None:
    """Let the mover know that it is to turn back.

    Transaction: opens one on control, or joins the caller's.

    Raises:
        WrongMoveState: it is past its point of no return, or has ended.
    """
    with transaction.atomic(using=CONTROL):
        row = Move.objects.using(CONTROL).select_for_update().get(pk=move.pk)
        state = MoveState(row.state)
        if state.is_past_no_return or not state.is_live:
            raise WrongMoveState(move.pk, found=state, wanted="taken back")
        _row(move).update(abort_asked_at=Now())
        record_audit("move.abort", row.tenant_id, after={"move": row.pk, "state": state})


def abort_asked(move: Move) -> bool:
    """Whether somebody wants it taken back."""
    return _row(move).exclude(abort_asked_at=None).exists()


def as_journal(move: Move) -> Journal:
    """What recovery looks at."""
    return Journal(
        move_id=move.pk,
        state=MoveState(move.state),
        source=move.source,
        target=move.target,
        is_the_same=move.control_identity == control_identity(),
    )


def control_identity() -> str:
    """Which server control is, and on which timeline."""
    with connections[CONTROL].cursor() as cursor:
        cursor.execute(IDENTITY)
        return str(cursor.fetchone()[0])


def _locked(move: Move) -> Move:
    row = Move.objects.using(CONTROL).select_for_update().get(pk=move.pk)
    if row.token != move.token:
        raise Superseded(row.tenant_id, token=move.token)
    return row


def _set_state(row: Move, to: MoveState) -> None:
    ended = {"ended_at": Now()} if to in ENDS else {}
    _row(row).update(state=to, last_error="", changed_at=Now(), **ended)


def _row(move: Move) -> QuerySet[Move]:
    return Move.objects.using(CONTROL).filter(pk=move.pk)


def _event(move_id: int, step: str, said: str, facts: Mapping[str, object]) -> None:
    MoveEvent.objects.using(CONTROL).create(
        move_id=move_id, step=step, said=said, facts=dict(facts)
    )
