"""`make bench-rebalance`: how fast the planner is, what its plans copy, how calm a fleet stays,

and what tenants notice when a shard is added to them. `make bench-rebalance ARGS="--part live
--live-tenants 40"` for a part, and less of it; `ARGS=--large` simulates 100,000 tenants as well.
What is not measured is of the run before.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from statistics import median
from time import perf_counter, process_time
from typing import Any, Final

from sharding.rebalance.core.bounds import lower_bound
from sharding.rebalance.core.planner import plan
from sharding.rebalance.core.plans import Plan
from sharding.rebalance.core.types import Policy
from sharding.rebalance.simulation.comparing import Asked, Comparison, compare
from sharding.rebalance.simulation.fleet import Told
from sharding.rebalance.simulation.telling import balance_table, totals_table
from tests.benchmarks import rebalance_live, rebalance_sampling
from tests.benchmarks.conditions import this_machine
from tests.benchmarks.rebalance_page import (
    ALL_PARTS,
    DAYS,
    LIVE,
    PLANS,
    SAMPLING,
    Lived,
    Planned,
    Results,
    Timed,
    read_last,
    report,
)
from tests.benchmarks.rebalance_worlds import Terms, world

_ROUNDS: Final = 3
_SEEDS: Final = (1, 2, 3)


def main() -> None:
    asked = _asked(sys.argv[1:])
    results = read_last()
    for part in asked.part or ALL_PARTS:
        machine = this_machine()
        measured = _MEASURES[part](asked, results)
        results = replace(measured, machines={**measured.machines, part: machine})
        # What was measured before another part fails is told.
        report(results, quick=asked.quick)


def _measure_plans(asked: argparse.Namespace, last: Results) -> Results:
    terms = Terms(shards=asked.shards, tenants=asked.tenants)
    planned = [_planned(*case) for case in _cases(terms)]
    return replace(last, fleet=(asked.shards, asked.tenants), planned=planned)


def _measure_days(asked: argparse.Namespace, last: Results) -> Results:
    lived = {seed: _lived(_simulated(Told(seed=seed))) for seed in _SEEDS}
    timed = []
    for tenants in (10_000, *([100_000] if asked.large else [])):
        began, worked = perf_counter(), process_time()
        _simulated(Told(tenants=tenants, shards=100 if tenants > 10_000 else 20))
        timed.append(Timed(tenants, perf_counter() - began, process_time() - worked))
        _say(str(timed[-1]))
    known = {one.tenants for one in timed}
    timed += [one for one in last.timed if one.tenants not in known]
    return replace(last, lived=lived, timed=timed)


def _measure_live(asked: argparse.Namespace, last: Results) -> Results:
    return replace(last, live=rebalance_live.measure(asked.live_tenants))


def _measure_sampling(asked: argparse.Namespace, last: Results) -> Results:
    return replace(last, sampled=rebalance_sampling.measure(asked.schemas))


_MEASURES: Final[dict[str, Callable[[argparse.Namespace, Results], Results]]] = {
    PLANS: _measure_plans,
    DAYS: _measure_days,
    SAMPLING: _measure_sampling,
    LIVE: _measure_live,
}


def _cases(terms: Terms) -> Iterator[tuple[str, Terms, Policy]]:
    """By name; the first one is that of the goals."""
    even = replace(terms, skew=0.0)
    yield "skewed", terms, Policy()
    yield "skewed, leave = enter", terms, Policy(leave=Policy().enter)
    mixed = replace(terms, capacities=(1, 2, 4), pins=0.05, groups=200)
    yield "capacities 1, 2, 4; 5 % pinned; groups", mixed, Policy()
    yield "skewed, 2 drain", replace(terms, draining=2), Policy()
    yield "even, 1 drains", replace(even, draining=1), Policy()
    yield "even, 1 new", replace(even, new=1), Policy()


def _planned(name: str, terms: Terms, policy: Policy) -> Planned:
    of = world(terms)
    clock, cpu = [], []
    for _ in range(_ROUNDS):
        began, worked = perf_counter(), process_time()
        found = plan(of, policy)
        clock.append(perf_counter() - began)
        cpu.append(process_time() - worked)
    least = lower_bound(found, of, policy)
    to_edge = lower_bound(found, of, policy, edge=policy.enter)
    one = Planned(
        name,
        median(clock),
        median(cpu),
        tuple(found.summary.worst_after),
        found.summary.moves,
        found.summary.bytes,
        found.summary.bytes / max(least, 1),
        found.summary.bytes / max(to_edge, 1),
        _worse_prefixes(found),
    )
    _say(str(one))
    return one


def _worse_prefixes(found: Plan) -> int:
    worst, worse = found.summary.worst_before.worst, 0
    for step in found.steps:
        worse += step.worst_after > worst and not step.why.is_forced
        worst = step.worst_after
    return worse


def _simulated(told: Told) -> Comparison:
    found = compare(Asked(told), tick=lambda done, whole: None)
    _say(_figures_of(found))
    return found


def _lived(found: Comparison) -> Lived:
    outcomes: dict[str, dict[str, Any]] = {}
    for one in found.outcomes:
        outcomes[one.name] = {key: each for key, each in one.to_json().items() if key != "days"}
    return Lived(outcomes, totals=_figures_of(found), balance=balance_table(found.outcomes))


def _figures_of(found: Comparison) -> str:
    """Without what its words mean."""
    return totals_table(found.outcomes).partition("\n\n")[0]


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-rebalance", description=__doc__)
    parser.add_argument("--part", action="append", choices=ALL_PARTS, help="several: again")
    parser.add_argument("--shards", type=int, default=100, help="of the plans")
    parser.add_argument("--tenants", type=int, default=100_000, help="of the plans")
    parser.add_argument("--large", action="store_true", help="simulate 100,000 tenants as well")
    parser.add_argument(
        "--live-tenants", type=int, default=rebalance_live.TENANTS, help="of the live part"
    )
    parser.add_argument(
        "--schemas", type=int, default=rebalance_sampling.SCHEMAS, help="that are sampled"
    )
    asked = parser.parse_args(arguments)
    sizes = ("shards", "tenants", "live_tenants", "schemas")
    asked.quick = any(getattr(asked, name) != parser.get_default(name) for name in sizes)
    return asked


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
