"""Killed at any point, by its pid and from outside: one writer, every write there, nothing left.

Clients write to both shards all the time, wherever control has the tenant.
"""

import os
import signal

import pytest
from django.db.models.functions import Now

from sharding.moves.core.states import MoveState
from sharding.moves.core.steps import Way, steps_from
from sharding.moves.models import Move
from sharding.moves.services.recovering import recover_move
from sharding.placements.models import Placement
from tests.fixtures.waiting import wait_for
from tests.integration.moves.conftest import Writers, may_write, settled, written

BEFORE = [
    "claim.begin",
    "arm_source.begin",
    "arm_source.done",
    "make_target.begin",
    "make_target.made",
    "make_target.done",
    "copy.begin",
    "copy.done",
    "gate.begin",
    "gate.journaled",
    "gate.done",
    "fence.journaled",
    "fence.uncommitted",
    "fence.done",
    "copy_changes.uncommitted",
    "copy_changes.done",
    "look.done",
    "switch.before",
]
AFTER = [
    "switch.after",
    "open.begin",
    "open.after",
    "release.begin",
    "release.journaled",
    "release.done",
    "seal_source.sealed",
    "seal_source.done",
    "verify.begin",
    "verify.done",
    "drop_source.begin",
    "drop_end.dropped",
    "drop_source.done",
    "disarm_target.done",
    "end.begin",
]
QUICK = {"switch.after"}
# A machine that is busy with other things is no reason to try the pause again.
TO_BETA = ("--to", "beta", "--max-pause", "30000")


def shared(points):
    """A quick share; the others are marked slow."""
    return [pytest.param(p, marks=[pytest.mark.slow] * (p not in QUICK)) for p in points]


def test_every_act_of_a_move_is_killed_somewhere():
    killed_in = {point.partition(".")[0] for point in (*BEFORE, *AFTER)}
    assert {step.act for step in steps_from(MoveState.PLANNED, Way.FORWARD)} <= killed_in


def killed(tenant, start, point):
    """A move that was cut off there; how many of the shards accept writes then."""
    victim = start(point, "move_tenant", tenant.slug, *TO_BETA)
    os.kill(victim.pid, signal.SIGKILL)
    victim.process.wait()
    return [shard for shard in ("alpha", "beta") if may_write(tenant.id, shard)]


@pytest.mark.parametrize("point", shared(BEFORE))
def test_killed_before_the_switch_it_is_taken_back(new_tenant, start, point):
    tenant = new_tenant(ledger=True)
    with Writers(tenant.id) as writers:
        assert killed(tenant, start, point) in ([], ["alpha"])
        # Its lease has not ended yet; that its holder has died can be seen from here.
        ended = recover_move(str(Move.objects.using("control").get(tenant_id=tenant.id).pk))
        assert ended.state == "aborted"
    settled(tenant, on="alpha")
    assert written(tenant) == sorted(writers.acked)


@pytest.mark.parametrize("point", shared(AFTER))
def test_killed_after_the_switch_it_is_finished(new_tenant, start, point):
    tenant = new_tenant(ledger=True)
    with Writers(tenant.id) as writers:
        assert killed(tenant, start, point) in ([], ["beta"])
        # Its lease has not ended yet; that its holder has died can be seen from here.
        ended = recover_move(str(Move.objects.using("control").get(tenant_id=tenant.id).pk))
        assert ended.state == "done"
    settled(tenant, on="beta")
    assert written(tenant) == sorted(writers.acked)


@pytest.mark.parametrize(
    "how", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_interrupted_it_takes_its_move_back_and_says_so(new_tenant, start, how):
    tenant = new_tenant(ledger=True)
    victim = start("copy.begin", "move_tenant", tenant.slug, *TO_BETA)
    os.kill(victim.pid, how)
    status, told = victim.go()
    move = Move.objects.using("control").get(tenant_id=tenant.id)
    assert status == 1, told
    assert f"Interrupted. Move {move.pk} was taken back; the tenant is on alpha" in told
    assert "Traceback" not in told
    assert move.last_error == "its mover was interrupted"
    settled(tenant, on="alpha")


def says_how_to_go_on(victim, tenant) -> str:
    """The number of the move that its mover has left."""
    status, told = victim.go()
    move = Move.objects.using("control").get(tenant_id=tenant.id)
    assert status == 3, told
    assert f"`manage.py resume_move {move.pk}` goes on with it" in told
    assert "Traceback" not in told
    return str(move.pk)


@pytest.mark.slow
def test_interrupted_once_more_it_says_how_to_go_on(new_tenant, start):
    tenant = new_tenant(ledger=True)
    later = "drop_target.begin"
    victim = start("copy.begin", "move_tenant", tenant.slug, *TO_BETA, later=later)
    os.kill(victim.pid, signal.SIGINT)
    second = victim.here.with_name(later)
    wait_for(second.exists, f"it did not come to {later}", seconds=60)
    os.kill(victim.pid, signal.SIGINT)
    assert recover_move(says_how_to_go_on(victim, tenant)).state == "aborted"
    settled(tenant, on="alpha")


@pytest.mark.slow
@pytest.mark.parametrize("point", ["verify.begin", "drop_source.begin"])
def test_interrupted_after_the_switch_it_says_how_to_go_on(new_tenant, start, point):
    tenant = new_tenant(ledger=True)
    victim = start(point, "move_tenant", tenant.slug, *TO_BETA)
    os.kill(victim.pid, signal.SIGINT)
    assert recover_move(says_how_to_go_on(victim, tenant)).state == "done"
    settled(tenant, on="beta")


RECOVERIES = [
    ("fence.done", "turn_back.done", "aborted"),
    ("fence.done", "unfence.done", "aborted"),
    ("switch.before", "release_back.done", "aborted"),
    ("copy.done", "drop_end.dropped", "aborted"),
    ("copy.done", "disarm_source.done", "aborted"),
    ("switch.after", "open.after", "done"),
    ("open.after", "release.journaled", "done"),
    ("switch.after", "drop_end.dropped", "done"),
]


@pytest.mark.parametrize(
    ("point", "again", "state"),
    [pytest.param(*case, marks=pytest.mark.slow) for case in RECOVERIES],
)
def test_its_recovery_may_be_killed_as_well(new_tenant, start, point, again, state):
    tenant = new_tenant(ledger=True)
    with Writers(tenant.id) as writers:
        killed(tenant, start, point)
        move = Move.objects.using("control").get(tenant_id=tenant.id)
        second = start(again, "resume_move", str(move.pk))
        os.kill(second.pid, signal.SIGKILL)
        second.process.wait()
        assert len([s for s in ("alpha", "beta") if may_write(tenant.id, s)]) <= 1
        assert recover_move(str(move.pk)).state == state
    settled(tenant, on="beta" if state == "done" else "alpha")
    assert written(tenant) == sorted(writers.acked)


FROZEN = ["make_target.made", "copy.done", "fence.uncommitted", "fence.done",
          "copy_changes.uncommitted", "switch.before", "switch.after", "seal_source.sealed",
          "drop_source.begin"]  # fmt: skip


@pytest.mark.parametrize(
    "point",
    [pytest.param(p, marks=pytest.mark.slow) for p in FROZEN],
)
def test_one_that_was_frozen_while_another_ended_its_move_changes_nothing_when_it_wakes(
    new_tenant, start, point
):
    tenant = new_tenant(ledger=True)
    with Writers(tenant.id) as writers:
        victim = start(point, "move_tenant", tenant.slug, *TO_BETA)
        move = Move.objects.using("control").get(tenant_id=tenant.id)
        os.kill(victim.pid, signal.SIGSTOP)
        # Control's clock says when a lease is over; so it may as well be now.
        Placement.objects.using("control").filter(tenant_id=tenant.id).update(lease_until=Now())
        ended = recover_move(str(move.pk))
        os.kill(victim.pid, signal.SIGCONT)
        status, said = victim.go()
        assert status in (1, 3), said
        assert "Traceback" not in said
    settled(tenant, on="beta" if ended.state == "done" else "alpha")
    assert written(tenant) == sorted(writers.acked)
    assert Move.objects.using("control").get(pk=move.pk).state == ended.state
