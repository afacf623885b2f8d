"""After the opening: close the source's copy, compare both, take away what is owed.

The tenant works at the target meanwhile. A source that is away is waited for by nobody: what is
owed there stays written down.
"""

import time
from typing import Final

from sharding.moves.connections import BULK, Who, mover_connection
from sharding.moves.control_points import reach
from sharding.moves.core.states import MoveState
from sharding.moves.core.steps import Mode
from sharding.moves.errors import CopiesDiffer, CopyFailed, MoveOnHold
from sharding.moves.services import journal
from sharding.moves.services.copying import compare
from sharding.moves.services.guards import insist_on
from sharding.moves.services.work import Lanes, Tell, Work
from sharding.moves.types import DebtKind
from sharding.placements.services.placing import get_placement
from sharding.registry.types import Server
from sharding.schemas.services.drop_schema import drop_schema_on
from sharding.schemas.services.fence import disarm, revoke_permit, seal
from sharding.schemas.services.markers import read_marker, set_phase
from sharding.schemas.services.transfer import snapshot, tables_of
from sharding.schemas.types import Phase

DIFFER: Final = "differ"
"""In a move's result: what the comparison found. A person has to look before anybody goes on."""


def seal_source(work: Work) -> None:
    """Nobody reads the old copy any more: what is there is of before the switch.

    The fence is made sure of as well: a server that lost it (a standby was promoted) gets it back.

    Transaction: one, there.
    """
    move = work.move
    if not journal.owes(move, move.source, DebtKind.SEAL):
        return
    with mover_connection(work.source, work.who) as connection, connection.transaction():
        marker = read_marker(connection, work.schema)
        if marker is not None and marker.phase is not Phase.TOMBSTONE:
            set_phase(connection, work.schema, Phase.SEALED, token=work.token)
            revoke_permit(connection, work.schema)
            seal(connection, work.schema)
    reach("seal_source.sealed")
    journal.settle(move, move.source, DebtKind.SEAL)


def verify(work: Work) -> None:
    """Compare the source with the target as it was before it was opened.

    The source is looked at now: whatever was written there after the fence would show. Where the
    target's snapshot is lost, with the mover that had it, only what was compared before the pause
    was compared, and the journal says so.

    Raises:
        CopiesDiffer: nothing is dropped, by nobody.
    """
    move = work.move
    if DIFFER in move.result:
        raise CopiesDiffer(move.pk, [move.result[DIFFER]])
    if work.lanes is None or not work.is_frozen:
        journal.note(move, "verify", "left out", why="the snapshot of the target is lost")
        work.tell("the copies were compared before the pause only")
        return
    began = time.monotonic()
    try:
        digest = _digest_of_both(work, work.lanes)
    except CopyFailed as error:
        journal.keep_result(move, **{DIFFER: str(error)})
        raise CopiesDiffer(move.pk, [str(error)]) from error
    work.close_lanes()
    took = time.monotonic() - began
    journal.keep_result(move, verified=digest, verify_seconds=round(took, 3))
    journal.advance(move, MoveState.VERIFIED, step="verify", digest=digest)
    work.tell(f"both copies hold the same rows ({digest})")


def _digest_of_both(work: Work, lanes: Lanes) -> str:
    """What both copies held at the switch."""
    if work.route.mode is Mode.LOGICAL:
        # The source follows the target by now: what it held is what the lane has kept.
        return compare(lanes.reading, lanes.frozen, work.schema, work.tables)
    with (
        mover_connection(work.source, work.who, patience=BULK) as source,
        snapshot(source, work.schema),
    ):
        tables = tables_of(source, work.schema)
        return compare(source, lanes.frozen, work.schema, tables)


def drop_source(work: Work) -> None:
    """The old copy goes; its row stays as a tombstone."""
    move = work.move
    if journal.owes(move, move.source, DebtKind.DROP):
        drop_end(work, work.source)
    journal.settle(move, move.source, DebtKind.DISARM)


def disarm_target(work: Work) -> None:
    """The target's guards rest."""
    if journal.owes(work.move, work.move.target, DebtKind.DISARM):
        disarm_end(work, work.target)


def end(work: Work, to: MoveState) -> None:
    """Write down that nothing is left to do."""
    journal.advance(work.move, to, step="end")


def drop_end(work: Work, server: Server) -> None:
    """Drop the copy on one shard, and note it.

    The role stays for a while (`roles_left.py`).

    Raises:
        MoveOnHold: it is the copy that the tenant lives in.
    """

    def still_ours(line: str) -> None:
        work.ours()
        work.tell(line)

    drop_copy(server, work.who, tell=still_ours)
    reach("drop_end.dropped")
    journal.settle(work.move, server.name, DebtKind.DROP)


def drop_copy(server: Server, who: Who, *, tell: Tell) -> None:
    """Drop what a move has left on one shard. The row stays as a tombstone.

    tell: is told of each batch; what it raises ends this between two of them.

    Transaction: one per batch.
    Idempotent.

    Raises:
        MoveOnHold: it is the copy that the tenant lives in; nothing was dropped.
        Superseded: somebody with a newer token is at work.
    """
    with mover_connection(server, who, patience=BULK) as connection:
        marker = read_marker(connection, who.schema)
        serves = marker is not None and marker.phase is Phase.ACTIVE
        if serves or get_placement(who.schema).shard_id == server.name:
            raise MoveOnHold(who.move_id, f"The copy on {server.name} is the one that is used.")
        drop_schema_on(connection, server, who.schema, token=who.token, tell=tell)


def disarm_end(work: Work, server: Server) -> None:
    """Let the guards on one shard rest, and note it.

    Raises:
        FenceNotReached: somebody uses a table for very long.
    """
    with mover_connection(server, work.who) as connection:
        insist_on(disarm, connection, work.schema)
    journal.settle(work.move, server.name, DebtKind.DISARM)
