"""The same in logical mode, on the way there and back: and what soaks afterwards can still go back.

What an undisturbed move leaves is a soak, at one end or the other. So each cell goes the way back
once more before it ends: both streams must have come through the fault, or be gone without a trace.
"""

import time
from functools import partial

import pytest

from sharding.moves.core.states import MoveState
from sharding.moves.core.steps import Way as Goes
from sharding.moves.core.steps import steps_from
from sharding.moves.errors import EndsChanged
from sharding.moves.models import Move
from sharding.moves.services.after_soak import finish_move, rollback_move
from tests.integration.moves.conftest import settled, written
from tests.scenarios.moves.matrix.cells import Cell, Fault
from tests.scenarios.moves.matrix.cells_of_streams import (
    AT_EVERY_SWITCH,
    BACK,
    FAULTS,
    LOGICAL,
    SWITCH,
    THERE,
    WAYS,
    all_turns,
    cells_of,
    has_streams_of_before,
    lost_servers,
)
from tests.scenarios.moves.matrix.clients import Clients
from tests.scenarios.moves.matrix.happening import HAPPENS, Scene, stops, until_its_point
from tests.scenarios.moves.matrix.recoveries import forget_lease, recover_twice
from tests.scenarios.moves.matrix.results import keep, passed_already

PATIENT = ("--max-pause", "20000")
MOVE = ("--to", "beta", "--mode", "logical", "--attempts", "3", *PATIENT)
OTHER = {"alpha": "beta", "beta": "alpha"}


def steps_of(*ways):
    return {step.act for state, way in ways for step in steps_from(state, way, LOGICAL)}


def test_every_step_of_both_ways_has_a_row():
    there = {point.partition(".")[0] for point in THERE.points}
    back = {point.partition(".")[0] for point in BACK.points}
    assert steps_of((MoveState.PLANNED, Goes.FORWARD)) <= there
    pause_and_after = (MoveState.COPIED, Goes.FORWARD)
    assert steps_of((MoveState.SOAKING, Goes.TURN), pause_and_after) <= back


def test_in_as_many_turns_as_there_are_faults_each_is_played_at_each_point():
    for way in WAYS:
        played = {(cell.point, cell.fault) for cell in all_turns(way)}
        everywhere = {(point, fault) for point in way.points for fault in FAULTS}
        at_the_switch = {(SWITCH, fault) for fault in AT_EVERY_SWITCH}
        assert played == everywhere | at_the_switch | set(lost_servers(way))


@pytest.mark.parametrize("turn", range(len(FAULTS)))
def test_in_each_turn_each_fault_is_played_before_and_after_each_switch(turn):
    for way in WAYS:
        cells = cells_of(way, turn)
        for points in (way.before, way.after):
            assert {cell.fault for cell in cells if cell.point in points} >= set(FAULTS)
        assert {cell.fault for cell in cells} == set(Fault)


def cells(way):
    return [pytest.param(each, id=each.name, marks=pytest.mark.slow) for each in cells_of(way)]


@pytest.mark.parametrize("cell", cells(THERE))
def test_a_move_over_streams_survives(ground, tenant, cell):
    if passed_already(cell.name):
        pytest.skip("it has passed already, in the run that is gone on with")
    command = ("move_tenant", tenant.slug, *MOVE)
    play(ground, tenant, cell, command, source="alpha", is_switched=cell.point in THERE.after)


@pytest.mark.parametrize("cell", cells(BACK))
def test_a_rollback_survives(ground, tenant, cell):
    if passed_already(cell.name):
        pytest.skip("it has passed already, in the run that is gone on with")
    # By a mover, so that its streams go through the proxies.
    first = ground.mover("move_tenant", tenant.slug, *MOVE, at=())
    assert first.ends(120)
    assert move_of(tenant).state == "soaking", first.said.read_text()
    command = ("rollback_move", tenant.slug, *PATIENT)
    play(ground, tenant, cell, command, source="beta", is_switched=cell.point in BACK.after)


def play(ground, tenant, cell: Cell, command, *, source: str, is_switched: bool) -> None:
    """The cell, and afterwards all that an undisturbed move could do."""
    target = OTHER[source]
    with Clients(tenant.id) as clients:
        mover = ground.mover(
            *command,
            at=stops(cell),
            lease_seconds=1 if cell.fault is Fault.FREEZE_MOVER else 15,
        )
        copy = until_its_point(ground, cell, mover, clients, source=source)
        move = move_of(tenant)
        began = time.monotonic()
        recover = partial(recover_twice, ground, cell, tenant, move)
        scene = Scene(
            ground, cell, tenant.id, mover, clients, recover, copy, source=source, target=target
        )
        HAPPENS[cell.fault](scene)
        took = time.monotonic() - began
        forget_lease(tenant.id)
        clients.wait_for_more()
        lives_on = tenant.shard
        if move_of(tenant).state == "soaking":
            go_back_if_that_is_sound(tenant, cell)
            clients.wait_for_more()
            assert finish_move(str(move.pk)).state == "done"
        else:
            assert (move_of(tenant).state, lives_on) == ("aborted", "alpha")
            assert source == "alpha", "of a rollback the move itself is left"
    settled(tenant, on=tenant.shard)
    clients.check(written(tenant))
    if is_switched:
        assert lives_on == target, "it had been switched"
    elif cell.fault is Fault.PROMOTE_BEHIND:
        assert lives_on == source, "the source had accepted writes since its mover looked"
    arrived = "arrived" if lives_on == target else "stayed"
    keep(cell.name, cell.row, cell.fault, ended=arrived, seconds=took)


def go_back_if_that_is_sound(tenant, cell: Cell) -> None:
    """Once more to the other end; not where one was promoted since the streams were made."""
    before, lives_on = move_of(tenant), tenant.shard
    if has_streams_of_before(cell):
        with pytest.raises(EndsChanged, match="was promoted"):
            rollback_move(str(before.pk))
        assert (move_of(tenant).state, tenant.shard) == ("soaking", lives_on)
        return
    back = rollback_move(str(before.pk))
    assert (back.state, back.target) == ("soaking", OTHER[lives_on])
    assert back.verified


def move_of(tenant) -> Move:
    return Move.objects.using("control").get(tenant_id=tenant.id)
