"""How long moves are said to copy, and where that is from."""

import pytest

from sharding.rebalance.core.copying import TELLS_FROM, Copied, CopyBasis, CopyRates, rates_of
from sharding.rebalance.core.planner import plan
from sharding.rebalance.core.types import GIGABYTE, MEGABYTE, Policy
from sharding.rebalance.services.planning import kept_step, step_of
from tests.unit.rebalance.test_planner import shard, tenants, world

HERE_THERE = {"source": "alpha", "target": "beta", "assumed": 40.0 * MEGABYTE}


def test_the_same_shards_tell_more_than_others_and_others_more_than_nothing() -> None:
    rates = rates_of(
        [
            Copied("alpha", "beta", 100 * MEGABYTE, 50),
            Copied("alpha", "beta", 900 * MEGABYTE, 50),
            Copied("beta", "alpha", 1000 * MEGABYTE, 10),
        ]
    )
    assert rates.predict(GIGABYTE, **HERE_THERE) == (pytest.approx(100), CopyBasis.PAIR)
    elsewhere = {**HERE_THERE, "target": "gamma"}
    assert rates.predict(GIGABYTE, **elsewhere) == (pytest.approx(55), CopyBasis.FLEET)
    assert CopyRates().predict(GIGABYTE, **HERE_THERE) == (pytest.approx(25), CopyBasis.ASSUMED)


def test_small_tenants_tell_how_long_it_takes_at_least_and_no_rate() -> None:
    small = [Copied("alpha", "beta", TELLS_FROM - 1, each) for each in (1.0, 2.0, 30.0)]
    rates = rates_of([*small, Copied("alpha", "beta", 5, 0)])
    assert (rates.fleet, rates.pairs, rates.least) == (None, {}, 2.0)
    assert rates.predict(1000, **HERE_THERE) == (2.0, CopyBasis.FLEET)
    assert rates.predict(GIGABYTE, **HERE_THERE) == (pytest.approx(25), CopyBasis.ASSUMED)
    # The control: by their rate a gigabyte would take two minutes.
    assert GIGABYTE / (TELLS_FROM / 2.0) > 120


def test_each_step_says_where_its_time_is_from_and_earlier_releases_kept_none() -> None:
    of = world([shard("alpha"), shard("beta", draining=True)], tenants("beta", 1))
    rates = rates_of([Copied("beta", "alpha", 500 * MEGABYTE, 50)])
    (step,) = plan(of, Policy(copied=rates)).steps
    assert (step.copy_seconds, step.copy_basis) == (pytest.approx(100), CopyBasis.PAIR)
    assert step_of(kept_step(step)) == step
    before = kept_step(step)
    del before["copy_basis"]
    assert step_of(before).copy_basis is CopyBasis.ASSUMED
    # Rates are no reason: with others the plan is the same one.
    assert plan(of, Policy(copied=rates)).id == plan(of).id
