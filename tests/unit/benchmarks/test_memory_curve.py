"""The simulation of backends agrees with what can be reckoned by hand."""

from dataclasses import replace

import pytest

from tests.benchmarks.memory_curve import Terms, largest_budget, process_of, simulate

ONE = Terms(
    tenants=50, processes=1, per_process=1, budget=0, affinity=False, base_mb=5, schema_mb=1
)


def test_a_backend_without_a_budget_meets_all_tenants_and_is_never_replaced():
    point = simulate(ONE)
    assert (point.reconnects_per_1000, point.peak_mb) == (0, 55)


def test_a_budget_of_one_schema_replaces_the_connection_after_each_request():
    point = simulate(replace(ONE, budget=1))
    assert (point.reconnects_per_1000, point.peak_mb) == (1000, 5)


def test_a_larger_budget_costs_memory_and_saves_reconnects():
    small, large = (simulate(replace(ONE, budget=budget)) for budget in (5, 20))
    assert small.reconnects_per_1000 > large.reconnects_per_1000 > 0
    assert small.peak_mb < large.peak_mb <= 5 + 19


def test_affinity_saves_reconnects_at_the_same_memory():
    many = replace(ONE, tenants=400, processes=8, per_process=2, budget=30)
    spread, kept = simulate(many), simulate(replace(many, affinity=True))
    assert kept.reconnects_per_1000 < spread.reconnects_per_1000 / 2


def test_the_largest_budget_is_the_last_that_fits():
    found = largest_budget(ONE, 25)
    assert found.peak_mb <= 25 < simulate(replace(ONE, budget=found.budget + 1)).peak_mb


def test_hosts_are_spread_over_all_processes():
    sizes = [sum(process_of(one, 7) == number for one in range(1, 2001)) for number in range(7)]
    assert sum(sizes) == 2000
    assert min(sizes) == pytest.approx(2000 / 7, rel=0.1)
