"""Everything of a move but its pause, on the real servers, and thrown away again.

What the pause would do is done part by part, timed and without effect: what is changed is rolled
back, or set to what it was. So the prediction knows this tenant, these servers and their commits.
The pause itself sends several of these statements in one message, and is a little shorter.
"""

import time
from dataclasses import asdict, dataclass, field
from typing import Any

from sharding.moves.connections import check_token, identity_of, make_durable
from sharding.moves.core.steps import Mode
from sharding.moves.services import journal
from sharding.moves.services.copying import next_round
from sharding.moves.services.guards import unarmed_tables
from sharding.moves.services.holding import begun
from sharding.moves.services.moving import CATCHES_UP, prepare, take_back, take_back_since
from sharding.moves.services.sequences import advance_sequences
from sharding.moves.services.streams import await_beat, beat
from sharding.moves.services.work import Lanes, Tell, Work, silent
from sharding.moves.types import MoveRequest
from sharding.schemas.services.create_schema import open_schema
from sharding.schemas.services.fence import look_at_tables, revoke_permit
from sharding.schemas.services.markers import set_phase
from sharding.schemas.services.transfer import freeze, pin, read_sequences
from sharding.schemas.types import Phase


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a move would have been like.

    Attributes:
        pause_ms: that writes would pause, by part; `total` is all of it. Nobody was waited for:
            requests that are under way add their time to `lock`.
        within_budget: so much would be allowed.
        seconds: of everything before the pause.
    """

    move_id: int
    tenant_id: str
    source: str
    target: str
    rows: int
    seconds: float
    pause_ms: dict[str, float] = field(default_factory=dict)
    within_budget: bool = True

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def rehearse_move(request: MoveRequest, *, tell: Tell = silent) -> Rehearsal:
    """Copy a tenant as a move would, measure what its pause would take, and throw the copy away.

    The tenant works meanwhile and notices nothing: its gate is not closed, nothing is fenced.

    Locks: the tenant's lease, while it works.
    Transaction: opens many, on control and both shards; forbids open ones.

    Raises:
        MoveRefused, AlreadyMoving, LeaseHeld: nothing was changed.
        MoveFailed, MoveError: the rehearsal failed, and was taken back; the message says why.
        MoveOnHold: it could not be taken back now; whoever finds it does it.
    """
    with begun(request, tell=tell) as work:
        move = work.move
        tell(f"move {move.pk}: a rehearsal from {move.source} to {move.target}")
        began = time.monotonic()
        try:
            prepare(work)
            CATCHES_UP[work.route.mode](work)
            prepared = time.monotonic()
            predicted = _predicted(work)
        except BaseException as error:
            take_back_since(work, error)
            raise
        # Whatever happened: nothing of it is to be left.
        take_back(work)
        told = {"rehearsed": True, "predicted_pause_ms": predicted, "rows": work.rows}
        journal.keep_result(move, **told)
    budget_ms = request.max_pause.total_seconds() * 1000
    return Rehearsal(
        move.pk,
        move.tenant_id,
        move.source,
        move.target,
        rows=work.rows,
        seconds=round(prepared - began, 3),
        pause_ms=predicted,
        within_budget=predicted["total"] <= budget_ms,
    )


def _follow(work: Work, lanes: Lanes) -> None:
    with work.timed("stream"):
        sent = beat(lanes.fence, work.schema, work.direction)
        within = work.request.max_pause
        await_beat(lanes.opening, work.schema, work.direction, sent, within=within)
        sequences = read_sequences(lanes.reading, work.schema)
    with work.timed("sequences"), lanes.writing.transaction():
        make_durable(lanes.writing)
        set_phase(lanes.writing, work.schema, Phase.INCOMING, token=work.token)
        advance_sequences(lanes.writing, work.schema, sequences)


def _copy_changes(work: Work, lanes: Lanes) -> None:
    assert work.last is not None, "there was a round before"
    with work.timed("changes"), lanes.writing.transaction():
        make_durable(lanes.writing)
        set_phase(lanes.writing, work.schema, Phase.INCOMING, token=work.token)
        work.last = next_round(lanes.reading, lanes.writing, work.schema, work.last, compared=False)
        work.rows += work.last.rows
        pin(lanes.writing, work.schema)
        advance_sequences(lanes.writing, work.schema, read_sequences(lanes.reading, work.schema))
    with work.timed("freeze"):
        freeze(lanes.frozen)


def _predicted(work: Work) -> dict[str, float]:
    """Milliseconds of each part of the pause."""
    lanes, schema, token = work.open_lanes(), work.schema, work.token
    with work.timed("lock"):
        with lanes.fence.transaction(force_rollback=True):
            look_at_tables(lanes.fence, schema)
            unarmed_tables(lanes.fence, schema)
            revoke_permit(lanes.fence, schema)
        with lanes.fence.transaction():
            make_durable(lanes.fence)
            set_phase(lanes.fence, schema, Phase.ACTIVE, token=token)
    if work.route.mode is Mode.LOGICAL:
        _follow(work, lanes)
    else:
        _copy_changes(work, lanes)
    with work.timed("look"):
        for lane in (lanes.fence, lanes.opening):
            check_token(lane, work.who)
            identity_of(lane)
    with work.timed("prepare"), lanes.opening.transaction(force_rollback=True):
        open_schema(lanes.opening, schema, token=token)
    with work.timed("switch"):
        journal.note(work.move, "rehearse", "done", pause_ms=work.pause_ms)
    with work.timed("open"), lanes.opening.transaction():
        make_durable(lanes.opening)
        set_phase(lanes.opening, schema, Phase.INCOMING, token=token)
    return work.pause_ms | {"total": round(sum(work.pause_ms.values()), 2)}
