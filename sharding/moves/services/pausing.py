"""The pause: from the moment the source refuses writes to the moment the target accepts them.

Four commits decide, each after the one before it: the source's fence; the target's last rows,
sequences and token; control's switch; the target's opening. Before the switch everything can be
taken back, after it nothing. A reply that is lost is never guessed: control is asked again.

Source: docs/adr/0020.
"""

import time
from datetime import timedelta
from typing import Final, LiteralString

import psycopg
from django.db import DatabaseError, connections, transaction
from psycopg import sql
from psycopg.pq import TransactionStatus

from sharding.moves import ports
from sharding.moves.connections import (
    DURABLE,
    in_one_message,
    look_at_end,
    make_durable,
    mover_connection,
)
from sharding.moves.control_points import reach
from sharding.moves.core.states import MoveState
from sharding.moves.core.steps import Mode
from sharding.moves.errors import (
    EndsChanged,
    FenceIncomplete,
    FenceNotReached,
    MoveOnHold,
    NotDrained,
    PauseFailed,
    PauseOverran,
    why_of,
)
from sharding.moves.models import CONTROL, Move
from sharding.moves.services import journal
from sharding.moves.services.copying import next_round
from sharding.moves.services.guards import finding_unarmed
from sharding.moves.services.sequences import advance_sequences
from sharding.moves.services.streams import beating, new_beat
from sharding.moves.services.work import Work
from sharding.placements.errors import PlacementChanged
from sharding.placements.services.placing import (
    get_placement,
    set_placement_state,
    switch_placement,
)
from sharding.placements.states import PlacementState
from sharding.schemas.connections import Connection
from sharding.schemas.errors import ServerUnreachable
from sharding.schemas.services.create_schema import open_schema, opening
from sharding.schemas.services.fence import locking, revoking_permit
from sharding.schemas.services.markers import set_phase, setting_phase
from sharding.schemas.services.transfer import freeze, pin, read_sequences
from sharding.schemas.types import Phase

LOCK_TIMEOUT: Final = timedelta(milliseconds=300)
"""Writers queue behind a lock that is waited for."""

_LIMIT_LOCK: Final = "SET LOCAL lock_timeout TO {limit}"
_LIMIT_SESSION: Final = "SET statement_timeout TO {limit}"
_LIMIT_STATEMENT: Final = "SET LOCAL statement_timeout TO {limit}"

_ASK_AGAIN_FOR: Final = timedelta(seconds=10)
_ASK_EVERY_S: Final = 0.25


def gate(work: Work) -> None:
    """Requests wait from here on; those that are under way may end.

    Raises:
        NotDrained: they did not, in time.
    """
    with transaction.atomic(using=CONTROL, durable=True):
        journal.advance(work.move, MoveState.GATED, step="gate")
        placement = set_placement_state(work.move.tenant_id, PlacementState.MOVING)
    work.moving_epoch = placement.epoch
    reach("gate.journaled")
    report = ports.gate.close(work.move.tenant_id, within=work.request.max_drain)
    journal.note(
        work.move,
        "gate",
        "done",
        processes=report.processes,
        acknowledged=report.acknowledged,
        in_flight=report.in_flight,
        holders=list(report.holders),
    )
    if not report.is_drained:
        raise NotDrained(report.holders, within=work.request.max_drain)


def fence(work: Work) -> None:
    """Wait for those who write, then refuse writes: one commit at the source.

    Raises:
        FenceNotReached: somebody holds a table; nothing was changed.
        FenceIncomplete: a table would not be held; nothing was changed.
    """
    journal.advance(work.move, MoveState.FENCED, step="fence")
    reach("fence.journaled")
    work.still_wanted()
    connection = work.open_lanes().fence
    work.began_pause()
    work.hurry()
    with work.timed("lock"):
        try:
            with connection.transaction():
                _refuse_writes(connection, work)
                reach("fence.uncommitted")
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            raise FenceNotReached(work.schema) from error


def copy_changes(work: Work) -> None:
    """The target's last rows, its sequences and our token: one durable commit there."""
    lanes = work.open_lanes()
    assert work.last is not None, "there was a round before"
    left = work.left("copying what changed")
    with work.timed("changes"):
        try:
            lanes.reading.execute(_limited(_LIMIT_SESSION, left))
            with lanes.writing.transaction():
                make_durable(lanes.writing)
                lanes.writing.execute(_limited(_LIMIT_STATEMENT, left))
                set_phase(lanes.writing, work.schema, Phase.INCOMING, token=work.token)
                work.last = next_round(
                    lanes.reading, lanes.writing, work.schema, work.last, compared=False
                )
                pin(lanes.writing, work.schema)
                advance_sequences(
                    lanes.writing, work.schema, read_sequences(lanes.reading, work.schema)
                )
                reach("copy_changes.uncommitted")
        except psycopg.errors.QueryCanceled as error:
            budget = work.request.max_pause
            raise PauseOverran(doing="copying what changed", budget=budget) from error
    work.rows += work.last.rows
    with work.timed("freeze"):
        freeze(lanes.frozen)
        work.is_frozen = True


def look(work: Work) -> None:
    """Are both ends still those that the move began with, and ours?

    Raises:
        EndsChanged: a standby was promoted, or the fence does not stand.
        PauseOverran: it took too long already.
    """
    lanes = work.open_lanes()
    with work.timed("look"):
        _check_end(lanes.fence, work, work.move.source, Phase.FENCED)
        _check_end(lanes.opening, work, work.move.target, Phase.INCOMING)
    work.left("looking at both ends")


def switch(work: Work) -> None:
    """The point of no return: placement and journal in one transaction on control.

    The opening is prepared meanwhile, uncommitted.

    Raises:
        PauseFailed: it did not happen.
        MoveOnHold: nobody can say whether it did.
    """
    move = work.move
    work.ours()
    work.left("switching")
    with work.timed("prepare"):
        lane = work.open_lanes().opening
        _prepare_opening(lane, work)
    reach("switch.before")
    with work.timed("switch"):
        try:
            with transaction.atomic(using=CONTROL, durable=True):
                switch_placement(
                    move.tenant_id,
                    source=move.source,
                    target=move.target,
                    expected_epoch=work.moving_epoch,
                )
                journal.switch(move)
        except PlacementChanged as error:
            lane.execute("ROLLBACK")
            raise EndsChanged("control", str(error)) from error
        except DatabaseError as error:
            if not _was_switched(work):
                # The journal said so within the transaction that is gone.
                move.state = MoveState.FENCED
                lane.execute("ROLLBACK")
                raise PauseFailed(f"Control did not take the switch: {error}") from error
            move.state = MoveState.SWITCHED
    reach("switch.after")


def open_target(work: Work) -> None:
    """The target accepts writes: its commit ends the pause.

    Idempotent: after a crash it is prepared anew.
    """
    with work.timed("open"):
        lanes = work.lanes
        if lanes is None or not _opened_as_prepared(lanes.opening):
            _open_anew(work)
    work.ended_pause()
    work.hurry(over=True)
    reach("open.after")


def release(work: Work) -> None:
    """Requests go on, at the target."""
    with transaction.atomic(using=CONTROL, durable=True):
        journal.advance(
            work.move,
            MoveState.OPENED,
            step="release",
            pause_ms=work.pause_ms,
        )
        set_placement_state(work.move.tenant_id, PlacementState.READY)
    reach("release.journaled")
    ports.gate.open(work.move.tenant_id)
    if "total" in work.pause_ms:
        journal.keep_result(work.move, pause_ms=work.pause_ms, rows=work.rows, tried=work.tried)
        work.tell(f"switched; writes paused for {work.pause_ms['total']:.0f} ms")


def _open_anew(work: Work) -> None:
    """Open the target on a connection of its own.

    Transaction: one, durable, there.
    Idempotent.

    Raises:
        MoveOnHold: it does not answer; whoever comes next opens it.
    """
    epoch = get_placement(work.move.tenant_id).arrived_epoch
    gives_up_at = time.monotonic() + _ASK_AGAIN_FOR.total_seconds()
    while True:
        try:
            with mover_connection(work.target, work.who) as connection, connection.transaction():
                _open(connection, work, epoch=epoch)
        except (ServerUnreachable, psycopg.OperationalError) as error:
            if time.monotonic() >= gives_up_at:
                raise MoveOnHold(work.move.pk, why_of(error)) from error
            time.sleep(_ASK_EVERY_S)
        else:
            return


def _refuse_writes(connection: Connection, work: Work) -> None:
    limits = sql.SQL(DURABLE), _limited(_LIMIT_LOCK, LOCK_TIMEOUT)
    # The lock first: who has written by then has committed before whatever follows looks.
    locked = [locking(work.schema, work.guarded)] if work.guarded else []
    statements = [
        finding_unarmed(work.schema),
        setting_phase(work.schema, Phase.FENCED, token=work.token),
        revoking_permit(work.schema),
    ]
    if work.route.mode is Mode.LOGICAL:
        # After the lock: everybody else's commits are in the WAL before this one.
        work.sentinel = new_beat()
        statements.append(beating(work.schema, work.direction, work.sentinel))
    unarmed = in_one_message(connection, work.who, *limits, *locked, *statements)
    if unarmed:
        raise FenceIncomplete(work.schema, [f"{table} has no armed guard" for (table,) in unarmed])


def _prepare_opening(lane: Connection, work: Work) -> None:
    phase = setting_phase(work.schema, Phase.ACTIVE, epoch=work.moving_epoch + 1, token=work.token)
    in_one_message(lane, work.who, sql.SQL("BEGIN"), sql.SQL(DURABLE), phase, opening(work.schema))


def _open(connection: Connection, work: Work, *, epoch: int) -> None:
    make_durable(connection)
    open_schema(connection, work.schema, epoch=epoch, token=work.token)


def _opened_as_prepared(connection: Connection) -> bool:
    """Commit what was prepared; False where that is lost, or may be."""
    if connection.info.transaction_status is not TransactionStatus.INTRANS:
        return False
    try:
        connection.execute("COMMIT")
    except psycopg.Error:
        return False
    return True


def _check_end(connection: Connection, work: Work, shard: str, phase: Phase) -> None:
    marker, identity = look_at_end(connection, work.who)
    if marker is None or marker.phase is not phase or marker.move_id != work.move.pk:
        found = "gone" if marker is None else f"{marker.phase} under move {marker.move_id}"
        raise EndsChanged(shard, f"its schema is {found}, and should be {phase}")
    if identity != work.identities[shard]:
        raise EndsChanged(shard, "it is another server, or its standby was promoted")


def _was_switched(work: Work) -> bool:
    """Ask control what became of a switch whose reply was lost.

    The row is locked for it: as long as the transaction that nobody heard of is open, it holds that
    lock, and once we have it, that one has ended one way or the other.
    """
    gives_up_at = time.monotonic() + _ASK_AGAIN_FOR.total_seconds()
    while True:
        try:
            connections[CONTROL].close()
            with transaction.atomic(using=CONTROL, durable=True):
                row = Move.objects.using(CONTROL).select_for_update().get(pk=work.move.pk)
                if journal.control_identity() != row.control_identity:
                    raise MoveOnHold(work.move.pk, "Control is another server than it was.")
                return MoveState(row.state).is_past_no_return
        except DatabaseError as error:
            if time.monotonic() >= gives_up_at:
                raise MoveOnHold(work.move.pk, why_of(error)) from error
            time.sleep(_ASK_EVERY_S)


def _limited(statement: LiteralString, limit: timedelta) -> sql.Composed:
    return sql.SQL(statement).format(
        limit=sql.Literal(f"{max(1, limit // timedelta(milliseconds=1))}ms")
    )
