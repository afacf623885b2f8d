"""`make bench-shards`: one server down under load, whom it hurts, beside stock Django.

`make bench-shards ARGS="--only sigstop --server gthread --rounds 1"` for a part, `--again sigstop`
for a part that takes its place in the last whole run; `ARGS=--help`.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tests.benchmarks import shards_figures
from tests.benchmarks.conditions import Machine, this_machine
from tests.benchmarks.pages import publish
from tests.benchmarks.shards_cases import ATOLL, HUNG, OTHER, STOCK, VICTIM, WAITERS, Case, System
from tests.benchmarks.shards_figures import Run
from tests.benchmarks.shards_ground import Served
from tests.benchmarks.shards_plan import Plan, plan_of
from tests.fixtures.downs import down_under_load
from tests.fixtures.load.figures import Phase, Told, tell
from tests.fixtures.load.steady import Lane, Waiters
from tests.fixtures.two_shards import PATH, TASKS, THREADS, WORKERS, Kind, TwoShards, two_shards
from tests.fixtures.web_servers import ROOT, WebServer, environment_of

_HEAVY = "/bench/heavy/"
_OF_MEMORY: Final = ("backend_mb", "reconnects_per_1000")
"""What `make bench-memory` writes into the same file."""


def main() -> None:
    plan = plan_of(sys.argv[1:])
    earlier = _kept() if plan.again else {}
    if plan.again and not earlier.get("is_whole"):
        sys.exit("There is no whole run in .bench/shards.json: run `make bench-shards` first.")
    _say(f"{len(plan.runs())} runs: about {plan.minutes} minutes")
    runs: list[Run] = []
    with two_shards(tenants=plan.tenants) as ground:
        machine = this_machine(PostgreSQL=str(ground.stack.major))
        served = Served(ground)
        if STOCK in plan.systems:
            served.build_stock()
        how = "iptables" if ground.network_is_ours else "a proxy that stops reading"
        costs = _costs(ground) if plan.costs else {}
        try:
            for number, case, kind, system in plan.runs():
                told = _run(served, plan, case, kind, system)
                runs.append(Run(number, case, kind, system, told))
                _say(f"round {number + 1} {case.name} {kind} {system.name}: {_short(told)}")
        finally:
            # What was measured before a run failed is told.
            if runs:
                _report(plan, machine, runs, costs, how, earlier)


def _run(served: Served, plan: Plan, case: Case, kind: Kind, system: System) -> Told:
    ground = served.ground
    through = ()
    if case.how is not None and case.server in ground.slow:
        through = ground.path_to(case.server, case.how)
    with served.served(system, kind, through=through) as server:
        if case.server is None or case.how is None:
            return _hung_tenant(served, plan, server)
        lanes = (
            ground.lane(OTHER, plan.per_second[0]),
            ground.lane(VICTIM, plan.per_second[1]),
        )
        return down_under_load(
            ground, server, *lanes, name=case.server, how=case.how, times=plan.times
        )


def _hung_tenant(served: Served, plan: Plan, server: WebServer) -> Told:
    ground, times = served.ground, plan.times
    hung, *others = ground.hosts(VICTIM)
    lanes = (
        ground.lane(OTHER, plan.per_second[0]),
        Lane(VICTIM, PATH, tuple(others), plan.per_second[1]),
    )
    with ground.load(server, *lanes) as load:
        load.phase(times.warm)
        before = load.phase(times.before)
        many = Waiters(HUNG, _HEAVY, (hung,), WAITERS)
        with ground.load(server, many, name="waiters") as heavy:
            during = load.phase(times.during)
        after = load.phase(times.after)
    after = Phase(during.end, after.end)
    return tell([*load.asked, *heavy.asked], before=before, during=during, after=after)


def _costs(ground: TwoShards) -> dict[str, float]:
    """Microseconds of CPU that deadline and slots add."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.shards_costs", OTHER, ground.hosts(OTHER)[0]],
        cwd=ROOT,
        env=environment_of(ground.environment()),
        stdout=subprocess.PIPE,
        check=True,
    )
    costs: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return costs


def _report(
    plan: Plan,
    machine: Machine,
    runs: list[Run],
    costs: dict[str, float],
    how: str,
    earlier: dict[str, Any],
) -> None:
    is_whole = not plan.part and len(runs) == len(plan.runs())
    again: list[dict[str, Any]] = []
    if plan.again:
        if not is_whole:
            sys.exit("Not measured to its end: the last whole run stays as it was.")
        runs = shards_figures.renewed(shards_figures.runs_of(earlier["runs"]), runs)
        labels = [case.label for case in plan.cases]
        # What is all measured once more is no longer of the turn before.
        others = [part for part in earlier.get("again", []) if not set(part["cases"]) <= {*labels}]
        again = [*others, {"cases": labels, "machine": asdict(machine)}]
        machine, costs = Machine(**earlier["machine"]), earlier["costs_us"]
    raw = {
        **{key: kept for key, kept in _kept().items() if key in _OF_MEMORY},
        **shards_figures.as_json(runs),
        "costs_us": costs,
        "plan": earlier.get("plan") or {**asdict(plan), "dropped packets": how},
        "machine": asdict(machine),
        "again": again,
        "is_whole": is_whole,
    }
    sound = [run for run in runs if run.is_sound]
    if not sound:
        sys.exit("In no run was everybody served before anything went wrong: a quieter machine.")
    page = _page(plan, machine, sound, costs, how, again, left_out=len(runs) - len(sound))
    publish("shards", page=page, figures=raw, quick=not is_whole)


def _kept() -> dict[str, Any]:
    file = ROOT / ".bench" / "shards.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def _again(parts: Iterable[Mapping[str, Any]]) -> str:
    """Which cases are of another hour than the rest."""
    return "".join(
        f"\n\nMeasured again since then: *{'*, *'.join(part['cases'])}*. "
        f"{Machine(**part['machine']).sentence()}"
        for part in parts
    )


def _page(
    plan: Plan,
    machine: Machine,
    runs: list[Run],
    costs: dict[str, float],
    how: str,
    again: Sequence[Mapping[str, Any]],
    *,
    left_out: int,
) -> str:
    template = Path(__file__).with_name("shards.md.in").read_text()
    systems = {run.system for run in runs}
    return template.format(
        machine=machine.sentence(),
        again=_again(again),
        workers=WORKERS,
        threads=THREADS,
        tasks=TASKS,
        other_rate=f"{plan.per_second[0]:.0f}",
        own_rate=f"{plan.per_second[1]:.0f}",
        seconds=f"{plan.times.before:.0f}",
        requests=f"{plan.per_second[0] * plan.times.before:,.0f}",
        rounds=plan.rounds,
        stock_rounds=plan.stock_rounds if STOCK in systems else 0,
        tenants=plan.tenants,
        waiters=WAITERS,
        runs=len(runs) + left_out,
        left_out=left_out or "none",
        dropped=how,
        goals=shards_figures.goals(runs) if ATOLL in systems else "Not measured in this run.",
        tables=shards_figures.tables(runs),
        costs=shards_figures.costs(costs),
        hung=shards_figures.hung(runs),
        spreads=shards_figures.spreads(runs),
    ).strip()


def _short(told: Told) -> str:
    other = told.lanes[OTHER]
    return (
        f"p99 {other['before'].p99_ms:.0f} → {other['during'].p99_ms:.0f} → "
        f"{other['after'].p99_ms:.0f} ms; first 503 {told.first_503_s[VICTIM]}, slowest "
        f"{told.slowest_s[VICTIM]}, recovery {told.recovery_s[VICTIM]}; "
        f"{told.lanes[VICTIM]['during'].statuses}"
    )


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
