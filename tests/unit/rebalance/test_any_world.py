"""What is true of every plan, whatever the world is."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings

from sharding.rebalance.core import cover as cover_module
from sharding.rebalance.core.ledger import Ledger
from sharding.rebalance.core.planner import plan
from sharding.rebalance.core.plans import Step, Why, WhyNot
from sharding.rebalance.core.standing import why_not_now
from sharding.rebalance.core.types import Policy, World
from tests.unit.rebalance.worlds import after, policies, profile, world, worlds, worst
from tests.unit.rebalance.worlds import shard as a_shard
from tests.unit.rebalance.worlds import tenants as some_tenants

# Always the same examples: what was found on one machine is found on the next.
anything = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@anything
@given(worlds(), policies)
def test_every_prefix_is_an_improvement(of: World, policy: Policy) -> None:
    assert_every_prefix_improves(of, policy, plan(of, policy).steps)


def assert_every_prefix_improves(of: World, policy: Policy, steps: tuple[Step, ...]) -> None:
    for step in steps:
        then = after(of, [step])
        if not step.why.is_forced:
            assert profile(then, policy) < profile(of, policy), step
            assert worst(then, policy) <= worst(of, policy), step
        of = then


@anything
@given(worlds(), policies)
def test_no_move_breaks_a_rule(of: World, policy: Policy) -> None:
    before, now = {one.tenant_id: one for one in of.tenants}, of
    shards = {one.name: one for one in of.shards}
    found = plan(of, policy)
    assert len({step.tenant_id for step in found.steps}) == len(found.steps)
    for step in found.steps:
        tenant, source, target = before[step.tenant_id], step.source, shards[step.target]
        assert (target.draining, target.down, target.weight > 0) == (False, False, True)
        assert (shards[source].down, tenant.busy, tenant.moving_to) == (False, "", "")
        assert tenant.labels <= target.labels
        assert tenant.pinned_to in ("", target.name)
        assert step.why.is_forced or (tenant.moved_at is None and not tenant.pinned_to)
        mates = [one for one in now.tenants if one.group and one.group == tenant.group]
        assert step.target not in {one.moving_to or one.shard for one in mates}
        now = after(now, [step])
        ledger = Ledger(now, policy)
        at = ledger.index[step.target]
        assert not ledger.exceeds(at, ledger.hard[at])


@anything
@given(worlds(), policies)
def test_the_order_of_the_input_and_a_second_look_change_nothing(of: World, policy: Policy) -> None:
    turned = replace(of, tenants=of.tenants[::-1], shards=of.shards[::-1])
    assert plan(of, policy) == plan(of, policy) == plan(turned, policy)


@anything
@given(worlds(), policies)
def test_a_draining_shard_is_empty_or_it_is_said_who_stays_and_why(
    of: World, policy: Policy
) -> None:
    found = plan(of, policy)
    end = after(of, found.steps)
    said = {left.tenant_id for left in found.left if left.tenant_id}
    for shard in of.shards:
        if shard.draining and not shard.down and shard.weight > 0:
            stay = [one for one in end.tenants if (one.moving_to or one.shard) == shard.name]
            assert {one.tenant_id for one in stay} <= said
            of_shard = [left for left in found.left if left.why is WhyNot.NOT_EMPTY]
            assert (shard.name in {left.shard for left in of_shard}) == bool(stay)


@anything
@given(worlds(), policies)
def test_made_anew_in_the_middle_it_is_the_rest_and_at_the_end_nothing(
    of: World, policy: Policy
) -> None:
    steps = plan(of, policy).steps
    for done in {1, len(steps) // 2, len(steps)}:
        again = plan(after(of, steps[:done]), policy, standing=steps[done:])
        assert [shape(step) for step in again.steps] == [shape(step) for step in steps[done:]]
    for at in (0, len(steps) // 2):
        now = after(of, steps[:at])
        assert all(why_not_now(step, now, policy) == "" for step in steps[at : at + 1])
    assert not plan(after(of, steps), policy).steps


def shape(step: Step) -> tuple[str, str, str, Why]:
    return step.tenant_id, step.source, step.target, step.why


@anything
@given(worlds(), policies)
def test_each_step_says_how_both_shards_are_before_and_after(of: World, policy: Policy) -> None:
    now = of
    for step in plan(of, policy).steps:
        before, then = Ledger(now, policy), Ledger(after(now, [step]), policy)
        source, target = before.index[step.source], before.index[step.target]
        assert (step.source_before, step.source_after) == (
            before.ratios(source),
            then.ratios(source),
        )
        assert (step.target_use_before, step.target_use_after) == (
            before.use(target),
            then.use(target),
        )
        assert step.worst_after == max(then.ratio(at) for at in then.live)
        now = after(now, [step])


def test_without_the_rule_a_prefix_makes_things_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: what is asserted above can fail."""
    # A tenant that is most of its shard: wherever it goes, that one is the fullest then.
    of = world(
        [a_shard("alpha"), a_shard("beta")],
        some_tenants("alpha", 1, gigabytes=40, load=40),
        some_tenants("beta", 2, gigabytes=10, load=10),
    )
    policy = Policy(floor=0, enter=0.1, improvement=0)
    assert not plan(of, policy).steps
    monkeypatch.setattr(Ledger, "stays_below", lambda *_: True)
    monkeypatch.setattr(
        cover_module.Fitting, "find", lambda self, *_, **__: 1 - self._ledger.home[0]
    )
    steps = plan(of, policy).steps
    assert steps
    with pytest.raises(AssertionError):
        assert_every_prefix_improves(of, policy, steps)
