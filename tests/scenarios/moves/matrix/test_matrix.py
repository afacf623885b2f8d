"""Whatever happens at whichever step: one writer, all acknowledged writes there, nothing left."""

import time
from functools import partial

import pytest

from sharding.moves.core.states import MoveState
from sharding.moves.core.steps import Way, steps_from
from sharding.moves.models import Move
from sharding.registry import current as registry
from sharding.schemas.services.describe import describe
from sharding.schemas.services.drop_schema import drop_schema
from sharding.schemas.types import Phase
from tests.integration.moves.conftest import settled, written
from tests.scenarios.moves.matrix.cells import (
    FENCED,
    HAPPENS_AT,
    POINTS,
    SWITCHED,
    Fault,
    all_cells,
)
from tests.scenarios.moves.matrix.clients import Clients
from tests.scenarios.moves.matrix.happening import HAPPENS, Scene, stops, until_its_point
from tests.scenarios.moves.matrix.recoveries import forget_lease, recover_twice
from tests.scenarios.moves.matrix.results import keep, passed_already

MOVE = ("--to", "beta", "--max-pause", "20000", "--attempts", "1")
QUICK = {
    "switch.before × lose the reply to the switch",
    "copy_changes.begin × kill the source",
}
DROPPED = ("drop_end.dropped", "disarm_target.begin", "end.begin")


def test_every_step_of_a_move_has_a_row():
    rows = {point.partition(".")[0] for point in POINTS}
    assert {step.act for step in steps_from(MoveState.PLANNED, Way.FORWARD)} <= rows


def test_every_fault_is_played_somewhere():
    assert set(HAPPENS) == set(HAPPENS_AT) == set(Fault)
    assert {cell.fault for cell in all_cells()} == set(Fault)


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(cell, id=cell.name, marks=[pytest.mark.slow] * (cell.name not in QUICK))
        for cell in all_cells()
    ],
)
def test_a_move_survives(ground, tenant, cell):
    if passed_already(cell.name):
        pytest.skip("it has passed already, in the run that is gone on with")
    with Clients(tenant.id) as clients:
        mover = ground.mover(
            "move_tenant",
            tenant.slug,
            *MOVE,
            at=stops(cell),
            # Only who waits for its end needs a short one, which a busy machine may lose.
            lease_seconds=1 if cell.fault is Fault.FREEZE_MOVER else 15,
        )
        copy = until_its_point(ground, cell, mover, clients, source="alpha")
        move = Move.objects.using("control").get(tenant_id=tenant.id)
        began = time.monotonic()
        recover = partial(recover_twice, ground, cell, tenant, move)
        HAPPENS[cell.fault](Scene(ground, cell, tenant.id, mover, clients, recover, copy))
        took = time.monotonic() - began
    ended = Move.objects.using("control").get(pk=move.pk).state
    forget_lease(tenant.id)
    if cell.fault is Fault.PROMOTE_BEHIND and cell.point in DROPPED:
        drop_what_came_back(tenant)
    settled(tenant, on="beta" if ended == "done" else "alpha")
    clients.check(written(tenant))
    if cell.point in SWITCHED:
        assert ended == "done", "it had been switched"
    elif cell.fault is Fault.PROMOTE_BEHIND:
        assert ended == "aborted", "the source had accepted writes since its mover looked"
    keep(cell.name, cell.point, cell.fault, ended=ended, seconds=took)


def drop_what_came_back(tenant) -> None:
    """The promoted source has again what was dropped already: sealed, and to be dropped by hand."""
    alpha = registry.shard("alpha")
    found = describe(alpha, tenant.id)
    assert found.marker is not None
    assert (found.marker.phase, found.usage, found.permit) == (Phase.SEALED, False, False)
    drop_schema(alpha, tenant.id)


def test_what_is_fenced_is_before_the_switch_and_has_a_column_for_each_way_to_lose_it():
    of_fenced = {cell.fault for cell in all_cells() if cell.point in FENCED}
    assert set(Fault) - of_fenced == {Fault.RESTORE_CONTROL}
