"""Before the pause: keep others away, make the tables at the target, bring the rows over.

The tenant works meanwhile and notices nothing. What is made is owed first.
"""

import time
from datetime import timedelta
from typing import Final

import psycopg

from sharding.moves import ports
from sharding.moves.connections import BULK, mover_connection, take_over
from sharding.moves.control_points import reach
from sharding.moves.core.steps import Mode
from sharding.moves.errors import CopyFailed, FenceNotReached, PauseOverran
from sharding.moves.services import journal
from sharding.moves.services.copying import first_round, next_round
from sharding.moves.services.work import Work
from sharding.moves.types import DebtKind
from sharding.placements.services.reference import bring_newest
from sharding.schemas.connections import Connection
from sharding.schemas.services.create_schema import open_schema
from sharding.schemas.services.fence import arm, look_at_tables, revoke_permit
from sharding.schemas.services.fingerprint import differences, structure
from sharding.schemas.services.markers import set_phase
from sharding.schemas.services.roles import make_roles
from sharding.schemas.services.transfer import pin, tables_of
from sharding.schemas.types import Phase

_ARM_WITHIN: Final = timedelta(seconds=30)
_BETWEEN_S: Final = 0.2
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
        _insist_on_arming(connection, work.schema)


def make_target(work: Work) -> None:
    """Role, reference tables, tables: closed, armed and empty."""
    journal.owe(work.move, (work.move.target, DebtKind.DROP))
    make_roles(work.target, [work.schema])
    bring_newest(work.target)
    with mover_connection(work.target, work.who, patience=BULK) as connection:
        tables_only = work.route.mode is Mode.LOGICAL
        made = ports.shape.make_target(
            ports.TargetRequest(work.schema, work.source, connection, work.token, tables_only)
        )
        reach("make_target.made")
        arm(connection, work.schema)
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
    with lanes.fence.transaction(force_rollback=True):
        look_at_tables(lanes.fence, work.schema)
        set_phase(lanes.fence, work.schema, Phase.FENCED, token=work.token)
        revoke_permit(lanes.fence, work.schema)
    with lanes.opening.transaction(force_rollback=True):
        open_schema(lanes.opening, work.schema, token=work.token)


def _insist_on_arming(connection: Connection, schema: str) -> None:
    """Somebody who reads a table for long is waited for, a little at a time."""
    gives_up_at = time.monotonic() + _ARM_WITHIN.total_seconds()
    while True:
        try:
            arm(connection, schema)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if time.monotonic() >= gives_up_at:
                raise FenceNotReached(schema) from error
            time.sleep(_BETWEEN_S)
        else:
            return


def check_alike(work: Work, target: Connection) -> None:
    """Make sure that the target has the source's structure.

    Raises:
        CopyFailed: it has another one.
    """
    with mover_connection(work.source, work.who) as source:
        _check_alike(source, target, work.schema)


def _check_alike(source: Connection, target: Connection, schema: str) -> None:
    """Whether the tables at the target are those of the source.

    Majors of PostgreSQL print some definitions differently, so between two of them only tables,
    columns and types are compared.
    """
    if source.info.server_version // 10000 == target.info.server_version // 10000:
        wrong = differences(structure(source, schema), structure(target, schema))
    else:
        with source.transaction(), target.transaction():
            pin(source, schema)
            pin(target, schema)
            here = {(t.name, frozenset(zip(t.columns, t.types, strict=True)))
                    for t in tables_of(source, schema)}  # fmt: skip
            there = {(t.name, frozenset(zip(t.columns, t.types, strict=True)))
                     for t in tables_of(target, schema)}  # fmt: skip
        wrong = tuple(f"table {name} differs." for name, _ in sorted(here ^ there, key=str))
    if wrong:
        more = f" … and {len(wrong) - _SHOWN} more" * (len(wrong) > _SHOWN)
        raise CopyFailed(f"the target's tables are others: {' '.join(wrong[:_SHOWN])}{more}")
