"""Before the pause: keep others away, make the tables at the target, bring the rows over.

The tenant works meanwhile and notices nothing. What is made is owed first.
"""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from sharding.moves import ports
from sharding.moves.connections import BULK, mover_connection, take_over
from sharding.moves.control_points import reach
from sharding.moves.core.steps import Mode
from sharding.moves.errors import CopyFailed, PauseOverran
from sharding.moves.services import journal
from sharding.moves.services.copying import (
    check_tables,
    differing,
    first_round,
    next_round,
    read_tables,
)
from sharding.moves.services.guards import insist_on, unarmed_tables
from sharding.moves.services.sequences import advance_sequences
from sharding.moves.services.work import Lanes, Work
from sharding.moves.types import DebtKind
from sharding.placements.services.reference import bring_newest
from sharding.placements.services.reserving import cap_of
from sharding.placements.services.shards import find_shard
from sharding.schemas.connections import Connection
from sharding.schemas.services.create_schema import open_schema
from sharding.schemas.services.fence import (
    arm,
    guarded_tables,
    look_at_tables,
    revoke_permit,
)
from sharding.schemas.services.fingerprint import differences, structure
from sharding.schemas.services.markers import set_phase
from sharding.schemas.services.roles import make_roles
from sharding.schemas.services.transfer import TableShape, read_sequences, snapshot, tables_of
from sharding.schemas.types import Phase

_MOST_ROUNDS: Final = 5
_SHORT: Final = 0.25
"""Of the budget of the pause: a round that took so little leaves little to copy in it."""
_SHOWN: Final = 3


def claim(work: Work) -> None:
    """Shut older movers out of both shards."""
    take_over(work.source, work.who)
    take_over(work.target, work.who)


def arm_source(work: Work) -> None:
    """Let the source's tables ask for the permit from now on."""
    journal.owe(work.move, (work.move.source, DebtKind.DISARM))
    with mover_connection(work.source, work.who) as connection:
        insist_on(arm, connection, work.schema)


def make_target(work: Work) -> None:
    """Role, reference tables, tables: closed, armed and empty."""
    journal.owe(work.move, (work.move.target, DebtKind.DROP))
    cap = cap_of(find_shard(work.move.target))
    make_roles(work.target, [work.schema], cap=cap)
    bring_newest(work.target)
    with mover_connection(work.target, work.who, patience=BULK) as connection:
        tables_only = work.route.mode is Mode.LOGICAL
        made = ports.shape.make_target(
            ports.TargetRequest(work.schema, work.source, connection, work.token, tables_only)
        )
        reach("make_target.made")
        if not tables_only:
            check_alike(work, connection)
    work.tell(f"made the tables on {work.move.target} ({made.how})")
    journal.keep_result(work.move, made=made.how)
    work.made = made


def copy(work: Work) -> None:
    """All rows, while the tenant writes."""
    lanes = work.open_lanes()
    work.last = first_round(lanes.reading, lanes.writing, work.schema)
    work.rows += work.last.rows
    work.tell(
        f"copied {work.last.rows} rows of {len(work.last.tables)} tables in "
        f"{sum(work.last.seconds.values()):.1f} s"
    )
    told = {name: round(took, 3) for name, took in work.last.seconds.items()}
    journal.keep_result(work.move, first_round_s=told)
    journal.keep_copied(work.move, sum(work.last.seconds.values()))


def catch_up(work: Work) -> None:
    """Copy what changed since the last round, while the tenant writes, until a round is short.

    Afterwards every lane has done what it will have to do in the pause, and is warm.

    Raises:
        PauseOverran: looking for changes alone takes longer than the pause may.
    """
    lanes = work.open_lanes()
    assert work.last is not None, "there was a first round"
    budget = work.request.max_pause
    for _ in range(_MOST_ROUNDS):
        work.last = next_round(lanes.reading, lanes.writing, work.schema, work.last, compared=True)
        work.rows += work.last.rows
        if timedelta(seconds=sum(work.last.seconds.values())) < budget * _SHORT:
            break
    if timedelta(seconds=work.last.seconds["look"]) > budget:
        raise PauseOverran(doing="looking for changes takes longer", budget=budget)
    warm(work, lanes, work.last.tables)


def warm(work: Work, lanes: Lanes, tables: Collection[TableShape]) -> None:
    """Let every lane run, and take back, the statements that it will run in the pause.

    A session takes twice as long for what it does first: it has to look all of it up.

    Raises:
        FenceIncomplete: the source has other tables, or other columns, than these.
    """
    with lanes.fence.transaction(force_rollback=True):
        work.guarded = tuple(guarded_tables(lanes.fence, work.schema))
        look_at_tables(lanes.fence, work.schema)
        unarmed_tables(lanes.fence, work.schema)
        set_phase(lanes.fence, work.schema, Phase.FENCED, token=work.token)
        revoke_permit(lanes.fence, work.schema)
    with snapshot(lanes.reading, work.schema):
        check_tables(work.schema, tables, tables_of(lanes.reading, work.schema))
        sequences = read_sequences(lanes.reading, work.schema)
    with lanes.writing.transaction(force_rollback=True):
        set_phase(lanes.writing, work.schema, Phase.INCOMING, token=work.token)
        # No rollback brings a sequence back; nobody else uses these.
        advance_sequences(lanes.writing, work.schema, sequences)
    with lanes.opening.transaction(force_rollback=True):
        open_schema(lanes.opening, work.schema, token=work.token)


def check_alike(work: Work, target: Connection) -> None:
    """Make sure that the target has the source's structure.

    Majors of PostgreSQL print some definitions differently, so between two of them only tables,
    columns and types are compared.

    Raises:
        CopyFailed: it has another one.
    """
    with mover_connection(work.source, work.who) as source:
        if _major(source) == _major(target):
            wrong = differences(structure(source, work.schema), structure(target, work.schema))
        else:
            here, there = (read_tables(one, work.schema) for one in (source, target))
            wrong = tuple(f"table {name} differs." for name in differing(here, there))
    if wrong:
        more = f" … and {len(wrong) - _SHOWN} more" * (len(wrong) > _SHOWN)
        raise CopyFailed(f"the target's tables are others: {' '.join(wrong[:_SHOWN])}{more}")


def _major(connection: Connection) -> int:
    return connection.info.server_version // 10000
