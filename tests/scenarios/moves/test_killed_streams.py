"""The same in logical mode: on the way there, in its soak, on the way back, and at its end.

Clients write to both shards all the time, wherever control has the tenant.
"""

import os
import signal

import pytest
from django.db.models.functions import Now

from sharding.moves.core.states import MoveState
from sharding.moves.core.steps import Mode, Route, Way, steps_from
from sharding.moves.models import Move
from sharding.moves.services.after_soak import finish_move
from sharding.moves.services.moving import move_tenant
from sharding.moves.services.recovering import recover_move
from sharding.placements.models import Placement
from tests.fixtures.servers import need_streams
from tests.integration.moves.conftest import Writers, may_write, settled, written

BEFORE = [
    "publish.begin",
    "publish.done",
    "copy_snapshot.begin",
    "copy_snapshot.slot",
    "copy_snapshot.done",
    "build.built",
    "build.done",
    "follow_back.begin",
    "follow_back.slot",
    "follow_back.done",
    "follow.begin",
    "follow.done",
    "gate.journaled",
    "fence.uncommitted",
    "fence.done",
    "drain.uncommitted",
    "drain.done",
    "look.done",
    "switch.before",
]
AFTER = [
    "switch.after",
    "open.after",
    "release.journaled",
    "seal_source.done",
    "verify.begin",
    "verify.done",
    "soak.begin",
    "soak.done",
]
TURN_BEFORE = [
    "claim.begin",
    "turn.begin",
    "turn.done",
    "await_target.done",
    "gate.journaled",
    "fence.uncommitted",
    "fence.done",
    "drain.done",
    "switch.before",
]
TURN_AFTER = ["switch.after", "open.after", "verify.begin", "soak.begin", "soak.done"]
FINISH = [
    "close_way_back.begin",
    "close_way_back.done",
    "unstream_target.begin",
    "unstream.done",
    "unstream_source.done",
    "drop_source.begin",
    "drop_end.dropped",
    "disarm_target.done",
    "end.begin",
]
QUICK = {"follow.done"}


def shared(points):
    """A quick share; the others are marked slow."""
    return [pytest.param(p, marks=[pytest.mark.slow] * (p not in QUICK)) for p in points]


def acts(*ways):
    route = Route(Mode.LOGICAL, soaks=True)
    return {step.act for state, way in ways for step in steps_from(state, way, route)}


def test_every_act_that_streams_need_is_killed_somewhere():
    killed_in = {
        point.partition(".")[0] for point in (*BEFORE, *AFTER, *TURN_BEFORE, *TURN_AFTER, *FINISH)
    }
    of_block_mode = {step.act for step in steps_from(MoveState.PLANNED, Way.FORWARD)}
    mine = acts(
        (MoveState.PLANNED, Way.FORWARD),
        (MoveState.SOAKING, Way.TURN),
        (MoveState.SOAKING, Way.FINISH),
    )
    assert mine - of_block_mode <= killed_in


def move_of(tenant) -> Move:
    return Move.objects.using("control").get(tenant_id=tenant.id)


def killed(tenant, start, point, *command):
    """A mover that was killed there; which of the shards accept writes then."""
    victim = start(point, *command)
    os.kill(victim.pid, signal.SIGKILL)
    victim.process.wait()
    return [shard for shard in ("alpha", "beta") if may_write(tenant.id, shard)]


def killed_on_its_way(tenant, start, point):
    need_streams()
    command = ("move_tenant", tenant.slug, "--to", "beta", "--mode", "logical")
    return killed(tenant, start, point, *command)


@pytest.fixture
def soaking(new_tenant):
    """A tenant whose move soaks on beta, while it writes."""
    tenant = new_tenant(ledger=True)
    with Writers(tenant.id) as writers:
        receipt = move_tenant(tenant.request(mode=Mode.LOGICAL))
        assert receipt.state == "soaking"
        yield tenant, writers, str(receipt.move_id)


@pytest.mark.parametrize("point", shared(BEFORE))
def test_killed_before_the_switch_it_is_taken_back_and_no_stream_is_left(new_tenant, start, point):
    tenant = new_tenant(ledger=True)
    with Writers(tenant.id) as writers:
        assert killed_on_its_way(tenant, start, point) in ([], ["alpha"])
        assert recover_move(str(move_of(tenant).pk)).state == "aborted"
    settled(tenant, on="alpha")
    assert written(tenant) == sorted(writers.acked)


@pytest.mark.parametrize("point", shared(AFTER))
def test_killed_after_the_switch_it_soaks(new_tenant, start, point):
    tenant = new_tenant(ledger=True)
    with Writers(tenant.id) as writers:
        assert killed_on_its_way(tenant, start, point) in ([], ["beta"])
        move = str(move_of(tenant).pk)
        assert recover_move(move).state == "soaking"
        assert finish_move(move).state == "done"
    settled(tenant, on="beta")
    assert written(tenant) == sorted(writers.acked)


def on_the_way_back(points, shard):
    return [pytest.param(p, shard, marks=[pytest.mark.slow]) for p in points]


@pytest.mark.parametrize(
    ("point", "shard"),
    [*on_the_way_back(TURN_BEFORE, "beta"), *on_the_way_back(TURN_AFTER, "alpha")],
)
def test_killed_on_its_way_back_it_soaks_where_its_switch_has_it(soaking, start, point, shard):
    tenant, writers, move = soaking
    assert killed(tenant, start, point, "rollback_move", move) in ([], [shard])
    ended = recover_move(move)
    assert (ended.state, ended.target) == ("soaking", shard)
    assert finish_move(move).state == "done"
    writers.stop()
    settled(tenant, on=shard)
    assert written(tenant) == sorted(writers.acked)


@pytest.mark.parametrize("point", shared(FINISH))
def test_killed_at_its_end_it_is_ended(soaking, start, point):
    tenant, writers, move = soaking
    assert killed(tenant, start, point, "finish_move", move) == ["beta"]
    ended = recover_move(move)
    if point == "close_way_back.begin":
        assert ended.state == "soaking"
        ended = finish_move(move)
    assert ended.state == "done"
    writers.stop()
    settled(tenant, on="beta")
    assert written(tenant) == sorted(writers.acked)


FROZEN = [
    "copy_snapshot.slot",
    "copy_snapshot.done",
    "follow.done",
    "fence.done",
    "drain.uncommitted",
    "switch.before",
    "soak.begin",
]


@pytest.mark.parametrize("point", [pytest.param(p, marks=pytest.mark.slow) for p in FROZEN])
def test_one_that_was_frozen_while_another_ended_its_move_makes_nothing_when_it_wakes(
    new_tenant, start, point
):
    tenant = new_tenant(ledger=True)
    with Writers(tenant.id) as writers:
        command = ("move_tenant", tenant.slug, "--to", "beta", "--mode", "logical")
        victim = start(point, *command)
        move = move_of(tenant)
        os.kill(victim.pid, signal.SIGSTOP)
        # Control's clock says when a lease is over; so it may as well be now.
        Placement.objects.using("control").filter(tenant_id=tenant.id).update(lease_until=Now())
        ended = recover_move(str(move.pk))
        if ended.state == "soaking":
            ended = finish_move(str(move.pk))
        os.kill(victim.pid, signal.SIGCONT)
        status, said = victim.go()
        assert status in (1, 3), said
        assert "Traceback" not in said
    settled(tenant, on="beta" if ended.state == "done" else "alpha")
    assert written(tenant) == sorted(writers.acked)
    assert move_of(tenant).state == ended.state
