"""`make bench-rebalance`: how fast the planner is, what its plans copy, how calm a fleet stays.

`make bench-rebalance ARGS="--shards 20 --tenants 2000"` for less; `ARGS=--large` simulates 100,000
tenants as well.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, Final

from sharding.rebalance.core.bounds import lower_bound
from sharding.rebalance.core.planner import plan
from sharding.rebalance.core.plans import Plan
from sharding.rebalance.core.types import GIGABYTE, Policy
from sharding.rebalance.simulation.comparing import Asked, Comparison, compare
from sharding.rebalance.simulation.fleet import Told
from sharding.rebalance.simulation.telling import balance_table, totals_table
from tests.benchmarks.conditions import this_machine
from tests.benchmarks.pages import markdown_table, publish
from tests.benchmarks.rebalance_worlds import Terms, world

_ROUNDS: Final = 3
_SEEDS: Final = (1, 2, 3)


@dataclass(frozen=True, slots=True)
class Planned:
    """One plan.

    Attributes:
        seconds, cpu_seconds: median of the rounds, on the clock and of the processor.
        ratio: bytes beside the least for the balance that the plan reaches.
        ratio_to_edge: beside the least that gets all shards to the edge of the band.
        worse_prefixes: moves that nobody ordered after which the highest ratio was higher.
    """

    name: str
    seconds: float
    cpu_seconds: float
    worst: tuple[float, ...]
    moves: int
    bytes: int
    ratio: float
    ratio_to_edge: float
    worse_prefixes: int


def main() -> None:
    asked = _asked(sys.argv[1:])
    machine = this_machine()
    terms = Terms(shards=asked.shards, tenants=asked.tenants)
    planned = [_planned(*case) for case in _cases(terms)]
    runs = {seed: _simulated(Told(seed=seed)) for seed in _SEEDS}
    timed = {}
    for tenants in (10_000, *([100_000] if asked.large else [])):
        began, worked = perf_counter(), process_time()
        _simulated(Told(tenants=tenants, shards=100 if tenants > 10_000 else 20))
        timed[tenants] = (perf_counter() - began, process_time() - worked)
        _say(f"{tenants} tenants simulated in {timed[tenants]}")
    main_case = planned[0]
    figures: dict[str, Any] = {
        "plan_s": round(main_case.seconds, 2),
        "bytes_ratio": round(main_case.ratio, 4),
        "moved_twice": sum(run.outcomes[-1].twice for run in runs.values()),
        "live": None,
        "plans": [asdict(one) for one in planned],
        "simulated": {
            str(seed): {
                one.name: {key: value for key, value in one.to_json().items() if key != "days"}
                for one in run.outcomes
            }
            for seed, run in runs.items()
        },
        "simulation_s": {str(tenants): took for tenants, took in timed.items()},
        "machine": asdict(machine),
    }
    page = (
        Path(__file__)
        .with_name("rebalance.md.in")
        .read_text()
        .format(
            machine=machine.sentence(),
            shards=asked.shards,
            tenants=f"{asked.tenants:,}",
            goals=_goals(planned, runs, timed),
            plans=_plans(planned),
            balance=balance_table(runs[1].outcomes),
            totals="\n\n".join(f"Seed {seed}\n{_figures_of(run)}" for seed, run in runs.items()),
        )
    )
    part = (asked.shards, asked.tenants) != (100, 100_000)
    publish("rebalance", page=page.strip(), figures=figures, quick=part)


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


def _figures_of(found: Comparison) -> str:
    """Without what its words mean."""
    return totals_table(found.outcomes).partition("\n\n")[0]


def _goals(
    planned: list[Planned], runs: dict[int, Comparison], timed: dict[int, tuple[float, float]]
) -> str:
    first = planned[0]
    twice = sum(run.outcomes[-1].twice for run in runs.values())
    peaks = ", ".join(
        f"{run.outcomes[-1].peak:.0%} / {run.outcomes[1].peak:.0%}" for run in runs.values()
    )
    clocks = [
        [
            f"{tenants:,} tenants for 90 days, three times",
            "60 s" if tenants == 10_000 else "900 s",
            f"{clock:.0f} s ({cpu:.0f} s of the processor)",
        ]
        for tenants, (clock, cpu) in timed.items()
    ]
    rows = [
        ["a plan", "3 s", f"{first.seconds:.2f} s ({first.cpu_seconds:.2f} s of the processor)"],
        ["bytes / least for the same balance", "1.1", f"{first.ratio:.3f}"],
        ["moved twice within 7 days, 3 seeds", "0", str(twice)],
        ["peak use, planner / greedy, by seed", "lower", peaks],
        *clocks,
    ]
    return markdown_table(["", "goal, at most", "measured"], rows)


def _plans(planned: list[Planned]) -> str:
    rows = [
        [
            one.name,
            f"{one.seconds:.2f}",
            f"{one.cpu_seconds:.2f}",
            " ".join(f"{each:.2f}" for each in one.worst),
            f"{one.moves:,}",
            f"{one.bytes / GIGABYTE:,.0f}",
            f"{one.ratio:.3f}",
            f"{one.ratio_to_edge:.3f}",
            str(one.worse_prefixes),
        ]
        for one in planned
    ]
    header = [
        "fleet", "s", "CPU s", "highest ratios after", "moves", "GB", "/ least",
        "/ least to the edge", "worse prefixes",
    ]  # fmt: skip
    return markdown_table(header, rows)


def _asked(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=100)
    parser.add_argument("--tenants", type=int, default=100_000)
    parser.add_argument("--large", action="store_true", help="simulate 100,000 tenants as well")
    return parser.parse_args(arguments)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
