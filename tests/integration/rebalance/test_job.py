"""A rebalance is carried out, whoever dies, and whatever changes meanwhile."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from sharding.placements.models import AuditEntry, Placement, Shard
from sharding.placements.services.holding import hold_shard, release_shard
from sharding.rebalance import ports
from sharding.rebalance.errors import (
    NoRebalance,
    OtherPlan,
    RebalanceUnderWay,
    WrongRebalanceState,
)
from sharding.rebalance.models import Rebalance, RebalanceStep
from sharding.rebalance.ports import Ended, NoMover, Outcome
from sharding.rebalance.services import job, running
from sharding.rebalance.services.planning import look
from sharding.rebalance.services.running import work_on_rebalance
from sharding.rebalance.services.wishes import pin_tenant, unpin_tenant
from sharding.rebalance.states import RebalanceState, StepState
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from tests.fixtures.rebalancing import only_orders_move, servers_answer
from tests.fixtures.waiting import wait_for

CONTROL = "control"


class ScriptedMover(NoMover):
    """Moves by changing the placement; what a test scripts for a tenant happens before that."""

    def __init__(self) -> None:
        self.scripts = {}
        self.moved = []
        self.most = Counter()
        self.left_by_dead = {}
        self._now = Counter()
        self._lock = threading.Lock()

    def move(self, tenant_id, target, *, asked_by):
        source = Placement.objects.using(CONTROL).get(tenant_id=tenant_id).shard_id
        with self._lock:
            for shard in (source, target):
                self._now[shard] += 1
                self.most[shard] = max(self.most[shard], self._now[shard])
        try:
            script = self.scripts.get(tenant_id)
            outcome = script() if script else None
            if outcome is not None:
                return outcome
            Placement.objects.using(CONTROL).filter(tenant_id=tenant_id).update(shard=target)
            self.moved.append((tenant_id, target))
            return Outcome(Ended.MOVED, move_id=len(self.moved), pause_ms=12.5)
        finally:
            with self._lock:
                for shard in (source, target):
                    self._now[shard] -= 1

    def outcome_of(self, tenant_id, target, *, since):
        return self.left_by_dead.get(tenant_id)


@pytest.fixture
def mover(monkeypatch):
    made = ScriptedMover()
    monkeypatch.setattr(ports, "mover", made)
    return made


@pytest.fixture(autouse=True)
def _only_what_is_pinned_moves(settings, monkeypatch):
    only_orders_move(settings)
    servers_answer(monkeypatch)
    monkeypatch.setattr(running, "_LOOKS_S", 0.0)
    monkeypatch.setattr(running, "_BEAT_S", 0.02)
    Rebalance.objects.using(CONTROL).all().delete()
    yield
    Rebalance.objects.using(CONTROL).all().delete()


@pytest.fixture
def pinned(new_tenant):
    """Tenants of alpha that are to go to beta."""

    def make(number: int):
        tenants = [new_tenant("alpha") for _ in range(number)]
        for tenant in tenants:
            pin_tenant(tenant.id, to="beta")
        return tenants

    return make


@pytest.fixture
def one_at_a_time(stack_ready):
    """Of beta's moves; others may have two."""
    beta = Shard.objects.using(CONTROL).filter(name="beta")
    beta.update(moves_at_once=1)
    yield
    beta.update(moves_at_once=2)


def begin() -> Rebalance:
    made = look({})
    row = job.propose(made, {})
    return job.approve(row.pk, plan_id=made.plan.id)


def steps(row) -> dict[str, RebalanceStep]:
    found = RebalanceStep.objects.using(CONTROL).filter(rebalance_id=row.pk)
    return {step.tenant_id: step for step in found}


def state(row) -> str:
    return Rebalance.objects.using(CONTROL).get(pk=row.pk).state


def lives_on(tenant) -> str:
    return Placement.objects.using(CONTROL).get(tenant_id=tenant.id).shard_id


def roles_on(shard: str, names) -> int:
    with own_connection(registry.shard(shard)) as own:
        asked = "SELECT count(*) FROM pg_roles WHERE rolname = ANY (%s)"
        return own.execute(asked, [list(names)]).fetchone()[0]


def test_all_steps_are_done_with_roles_made_ahead_and_it_says_who_did_what(pinned, mover):
    tenants = pinned(3)
    ids = [tenant.id for tenant in tenants]
    made_at_first = []
    for tenant_id in ids:
        mover.scripts[tenant_id] = lambda: made_at_first.append(roles_on("beta", ids))
    row = begin()
    assert not work_on_rebalance()
    assert made_at_first[0] == 3
    assert {lives_on(tenant) for tenant in tenants} == {"beta"}
    assert {step.state for step in steps(row).values()} == {StepState.DONE}
    assert {step.pause_ms for step in steps(row).values()} == {12.5}
    assert state(row) == RebalanceState.DONE
    audited = AuditEntry.objects.using(CONTROL).filter(subject=str(row.pk))
    actions = list(audited.order_by("id").values_list("action", flat=True))
    assert actions[-3:] == ["rebalance.propose", "rebalance.running", "rebalance.done"]
    assert job.claim() is None


def test_a_shard_has_no_more_moves_at_a_time_than_it_may(pinned, mover, one_at_a_time):
    pinned(3)
    begin()
    work_on_rebalance()
    assert len(mover.moved) == 3
    assert mover.most["beta"] == 1


def test_there_is_one_rebalance_and_one_worker_at_a_time(pinned, mover):
    pinned(1)
    row = begin()
    with pytest.raises(RebalanceUnderWay, match=str(row.pk)):
        job.propose(look({}), {})
    ours = job.claim()
    assert ours is not None
    assert job.claim() is None
    assert not work_on_rebalance()
    assert mover.moved == []
    job.give_back(ours)
    work_on_rebalance()
    assert state(row) == RebalanceState.DONE


def test_a_worker_whose_lease_somebody_took_begins_nothing_more(pinned, mover, one_at_a_time):
    pinned(2)
    row = begin()
    leases = Rebalance.objects.using(CONTROL).filter(pk=row.pk)

    def taken():
        leases.update(holder="another:1:x", held_until=Now() + job.LEASE_FOR)
        wait_for(lambda: not any(map(is_keeper, threading.enumerate())), "it did not notice")

    for tenant_id in steps(row):
        mover.scripts[tenant_id] = taken
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job, "LEASE_FOR", timedelta(seconds=0.2))
        assert not work_on_rebalance()
    assert len(mover.moved) == 1
    assert leases.get().holder == "another:1:x", "it gave back what was not its own"
    assert state(row) == RebalanceState.RUNNING


def is_keeper(thread) -> bool:
    return thread.name.startswith("lease of rebalance")


def test_whoever_comes_after_a_worker_that_died_asks_what_became_of_its_moves(pinned, mover):
    never_begun, done, back = pinned(3)
    row = begin()
    # As a worker leaves it that was killed after it wrote down that these begin.
    RebalanceStep.objects.using(CONTROL).filter(rebalance_id=row.pk).update(
        state=StepState.MOVING, began_at=Now(), tries=1
    )
    Placement.objects.using(CONTROL).filter(tenant_id=done.id).update(shard="beta")
    mover.left_by_dead[done.id] = Outcome(Ended.MOVED, move_id=77)
    mover.left_by_dead[back.id] = Outcome(Ended.TAKEN_BACK, move_id=78, may_try_again=True)
    work_on_rebalance()
    assert state(row) == RebalanceState.DONE
    assert {tenant_id for tenant_id, _ in mover.moved} == {never_begun.id, back.id}
    assert steps(row)[done.id].move_id == 77
    assert {step.state for step in steps(row).values()} == {StepState.DONE}


def test_a_move_that_is_held_is_waited_for_and_nothing_else_waits(pinned, mover):
    held, other = pinned(2)
    mover.scripts[held.id] = lambda: Outcome(Ended.HELD, move_id=5, said="beta does not answer")
    mover.left_by_dead[held.id] = Outcome(Ended.HELD, move_id=5, said="beta does not answer")
    row = begin()
    assert not work_on_rebalance()
    assert (state(row), lives_on(other)) == (RebalanceState.RUNNING, "beta")
    assert steps(row)[held.id].state == StepState.HELD
    assert "waits" in Rebalance.objects.using(CONTROL).get(pk=row.pk).said
    mover.left_by_dead[held.id] = Outcome(Ended.MOVED, move_id=5)
    work_on_rebalance()
    assert state(row) == RebalanceState.DONE


def test_it_is_paused_goes_on_and_is_stopped(pinned, mover, one_at_a_time):
    pinned(3)
    row = begin()
    first, second, _ = sorted(steps(row).values(), key=lambda step: step.number)
    mover.scripts = {first.tenant_id: lambda: job.change(row.pk, RebalanceState.PAUSED) and None}
    assert not work_on_rebalance()
    assert (state(row), len(mover.moved)) == (RebalanceState.PAUSED, 1)
    assert not work_on_rebalance()
    assert len(mover.moved) == 1
    job.change(row.pk, RebalanceState.RUNNING)
    mover.scripts = {second.tenant_id: lambda: job.change(row.pk, RebalanceState.STOPPING) and None}
    work_on_rebalance()
    assert (state(row), len(mover.moved)) == (RebalanceState.STOPPED, 2)
    assert [step.state for step in steps(row).values()].count(StepState.SKIPPED) == 1
    with pytest.raises(WrongRebalanceState):
        job.change(row.pk, RebalanceState.RUNNING)


def test_what_has_no_reason_any_more_is_left_and_the_plan_is_made_anew(pinned, mover):
    unpinned, other = pinned(2)
    row = begin()
    unpin_tenant(unpinned.id)
    work_on_rebalance()
    assert (lives_on(unpinned), lives_on(other)) == ("alpha", "beta")
    assert steps(row)[unpinned.id].state == StepState.SKIPPED
    assert Rebalance.objects.using(CONTROL).get(pk=row.pk).plans == 2
    assert state(row) == RebalanceState.DONE


def test_a_tenant_that_somebody_else_moved_is_left(pinned, mover):
    moved, other = pinned(2)
    row = begin()
    Placement.objects.using(CONTROL).filter(tenant_id=moved.id).update(shard="beta")
    work_on_rebalance()
    assert [tenant_id for tenant_id, _ in mover.moved] == [other.id]
    assert steps(row)[moved.id].state == StepState.SKIPPED
    assert steps(row)[moved.id].said


def test_a_shard_that_goes_away_takes_its_steps_with_it_and_the_job_ends(
    pinned, mover, one_at_a_time
):
    tenants = pinned(3)
    row = begin()
    first = min(steps(row).values(), key=lambda step: step.number).tenant_id

    def goes_away():
        hold_shard("beta", reason="it is gone")
        return Outcome(Ended.TAKEN_BACK, move_id=9, said="beta does not answer")

    mover.scripts[first] = goes_away
    try:
        work_on_rebalance()
    finally:
        release_shard("beta")
    assert state(row) == RebalanceState.DONE
    assert mover.moved == []
    assert {lives_on(tenant) for tenant in tenants} == {"alpha"}
    found = steps(row)
    assert found.pop(first).state == StepState.FAILED
    assert {step.state for step in found.values()} == {StepState.SKIPPED}


def test_who_is_in_the_way_is_tried_again_later_and_a_few_times_only(pinned, mover):
    stubborn, other = pinned(2)
    tried = []

    def busy():
        tried.append(len(mover.moved))
        return Outcome(Ended.TAKEN_BACK, may_try_again=True, said="a request did not end")

    mover.scripts[stubborn.id] = busy
    row = begin()
    work_on_rebalance()
    assert len(tried) == 3
    assert steps(row)[stubborn.id].state == StepState.FAILED
    assert "did not end" in steps(row)[stubborn.id].said
    assert lives_on(other) == "beta"


def test_only_the_plan_that_was_looked_at_is_begun(pinned, mover):
    pinned(1)
    row = job.propose(look({}), {})
    with pytest.raises(OtherPlan):
        job.approve(row.pk, plan_id="another")
    assert state(row) == RebalanceState.PROPOSED
    assert job.claim() is None
    for to in (RebalanceState.RUNNING, RebalanceState.PAUSED):
        with pytest.raises(WrongRebalanceState):
            job.change(row.pk, to)
    job.change(row.pk, RebalanceState.STOPPING)
    assert state(row) == RebalanceState.STOPPED
    with pytest.raises(NoRebalance):
        job.live_or_refuse()
