"""The least that any plan moves."""

import random
from itertools import product

import pytest

from sharding.rebalance.core.bounds import cheapest, lower_bound
from sharding.rebalance.core.planner import plan
from sharding.rebalance.core.types import GIGABYTE, Policy
from tests.unit.rebalance.worlds import shard, tenants, world


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_no_choice_of_tenants_is_cheaper_and_the_best_one_is_not_far(seed: int, axes: int) -> None:
    chance = random.Random(seed)
    costs = [(chance.randint(1, 50), chance.randint(0, 50), 1) for _ in range(9)]
    need = [60.0, 50.0 * (axes > 1), 3.0 * (axes > 2)]
    choices = [
        sum(cost[0] for cost in chosen)
        for taken in product((False, True), repeat=len(costs))
        if (chosen := [cost for cost, go in zip(costs, taken, strict=True) if go])
        and all(sum(cost[axis] for cost in chosen) >= need[axis] for axis in (0, 1, 2))
    ]
    bound = cheapest(costs, need)
    assert bound <= min(choices)
    # Parts of tenants are allowed: one more whole one in each dimension at most.
    assert min(choices) <= bound + axes * 50


def test_the_dual_of_several_dimensions_is_more_than_each_of_them_alone() -> None:
    costs = [(10, 9, 1)] * 5 + [(10, 1, 9)] * 5
    alone = max(cheapest(costs, [0, 40, 0]), cheapest(costs, [0, 0, 40]))
    assert cheapest(costs, [0, 40, 40]) == pytest.approx(80, rel=0.01)
    assert alone < 50


def test_a_plan_is_near_to_the_least() -> None:
    of = world(
        [shard("alpha"), shard("beta"), shard("gamma")],
        tenants("alpha", 58),
        tenants("beta", 46),
        tenants("gamma", 46),
    )
    found = plan(of)
    least = lower_bound(found, of)
    assert 0.7 < least / found.summary.bytes <= 1
    # To the edge of the band less must be moved.
    assert lower_bound(found, of, edge=0.10) < least


def test_all_of_a_draining_shard_is_in_it_and_what_fills_a_new_one() -> None:
    draining = world([shard("alpha", draining=True), shard("beta")], tenants("alpha", 9))
    assert lower_bound(plan(draining), draining) == 9 * GIGABYTE
    names = [f"s{at}" for at in range(20)]
    filled = world(
        [*(shard(name) for name in names), shard("new")],
        *(tenants(name, 50) for name in names),
    )
    policy = Policy()
    found = plan(filled, policy)
    assert 0.9 * found.summary.bytes <= lower_bound(found, filled, policy) <= found.summary.bytes
