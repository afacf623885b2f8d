"""`make bench-memory`: what backends keep of the schemas that they meet, and what a budget costs.

`make bench-memory ARGS="--tenants 200 --requests 2000"` for less; `ARGS=--help`.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import linear_regression
from typing import Any, Final

import psycopg

from sharding.pools.conf import SCHEMAS_PER_CONNECTION
from tests.benchmarks import memory_curve
from tests.benchmarks.conditions import Machine, this_machine
from tests.benchmarks.ground import SHARD, Ground, ground
from tests.benchmarks.memory_curve import Point, Terms
from tests.benchmarks.pages import markdown_table, publish
from tests.benchmarks.systems import SYSTEMS
from tests.fixtures.web_servers import ROOT, environment_of

_ATOLL: Final = next(system for system in SYSTEMS if system.name == "atoll_pool")
_BUILD: Final = "tests.benchmarks.settings.atoll_bare_build"
PROCESSES: Final = 2
THREADS: Final = 8
"""As many connections has each process."""
SERVER_GIB: Final = 16
BACKENDS: Final = 100
TENANTS: Final = 2_000
"""Of the server that is simulated."""
GOALS: Final = {25: 15.0, 50: 7.0}
"""Reconnects per 1,000 requests at this share of the server's memory, at most."""
_MAY_FAIL: Final = 0.02
SHARES: Final = (10, 25, 50, 75)
BUDGETS: Final = (20, 50, 100, 200, 400)


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of real clients and real backends.

    Attributes:
        total_mb: private memory of all backends at the end.
        largest_mb: of the one that has most.
        met: schemas that the living backends have met, each for itself, together.
        failed: requests that got no connection in time; the figures say nothing of them.
    """

    budget: int
    affinity: bool
    backends: int
    requests: int
    total_mb: float
    largest_mb: float
    met: int
    failed: int
    reconnects: int

    @property
    def reconnects_per_1000(self) -> float:
        return self.reconnects / self.requests * 1000


def main() -> None:
    plan = _plan_of(sys.argv[1:])
    with ground(plan.tenants) as made:
        machine = this_machine(PostgreSQL=str(made.stack.major))
        _say(f"making {plan.tenants} tenants")
        made.build(_ATOLL, settings=_BUILD)
        made.settle()
        first = [_measure(made, plan, 0, share=share) for share in (0.02, 0.1, 0.3)]
        points = [
            _measure(made, plan, budget, affinity=affinity)
            for budget, affinity in (
                (0, False),
                (0, True),
                (SCHEMAS_PER_CONNECTION, False),
                (SCHEMAS_PER_CONNECTION, True),
                (SCHEMAS_PER_CONNECTION // 2, False),
            )
        ]
    _report(plan, machine, first, points)


def _measure(
    made: Ground,
    plan: argparse.Namespace,
    budget: int,
    *,
    affinity: bool = False,
    share: float = 1.0,
) -> Measured:
    requests = max(PROCESSES * THREADS, int(plan.requests * share))
    environment = environment_of(
        {
            **made.environment(_ATOLL),
            "ATOLL_SCHEMAS_PER_CONNECTION": str(budget),
            "ATOLL_POOL_SIZE": str(THREADS),
            "ATOLL_LOG_LEVEL": "ERROR",
            # Very many first touches at once look like a server that is away.
            "ATOLL_BREAKERS": "false",
            "BENCH_TABLES": " ".join(_tables(made)),
        }
    )
    how = "affinity" if affinity else "any"
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.memory_clients",
             *map(str, (number, PROCESSES, THREADS, requests, plan.tenants)), how],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for number in range(PROCESSES)
    ]  # fmt: skip
    try:
        told = []
        for process in running:
            assert process.stdout is not None
            told.append(json.loads(process.stdout.readline()))
        living = _backends(made)
        memory = [_private_mb(pid) for pid in living]
    finally:
        for process in running:
            process.communicate()
    failed = [text for one in told for text in one["failed"]]
    if len(failed) > requests * _MAY_FAIL:
        raise SystemExit(f"{len(failed)} of {requests} requests failed: {failed[0]}")
    met = {int(pid): number for one in told for pid, number in one["met"].items()}
    measured = Measured(
        budget=budget,
        affinity=affinity,
        backends=PROCESSES * THREADS,
        requests=requests,
        total_mb=round(sum(memory), 1),
        largest_mb=round(max(memory), 1),
        met=sum(met.get(pid, 0) for pid in living),
        failed=len(failed),
        reconnects=max(0, len(met) - PROCESSES * THREADS),
    )
    _say(str(measured))
    return measured


def _tables(made: Ground) -> list[str]:
    """What a tenant may read from."""
    with psycopg.connect(made.stack.admin_conninfo(SHARD)) as admin:
        found = admin.execute(
            "WITH one AS (SELECT min(schema) AS name FROM atoll.tenant_schema),"
            " tables AS MATERIALIZED (SELECT oid, relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = (SELECT name::regnamespace FROM one))"
            " SELECT relname FROM tables, one WHERE has_table_privilege(one.name, oid, 'SELECT')"
        ).fetchall()
    return [name for (name,) in found]


def _backends(made: Ground) -> list[int]:
    with psycopg.connect(made.stack.admin_conninfo(SHARD)) as admin:
        found = admin.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = 'shard' AND usename = %s",
            [made.stack.registry().shards[SHARD].web.user],
        ).fetchall()
    return [pid for (pid,) in found]


def _private_mb(pid: int) -> float:
    """Anonymous memory of one backend; what it shares with its postmaster counts by its part."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss_Anon:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("This kernel does not say how much memory a process has for itself.")


def _report(
    plan: argparse.Namespace, machine: Machine, first: list[Measured], points: list[Measured]
) -> None:
    unbounded = [*first, *(one for one in points if not one.budget and not one.affinity)]
    schema_mb, base_mb = _slope(unbounded)
    terms = Terms(
        tenants=TENANTS,
        processes=10,
        per_process=BACKENDS // 10,
        budget=SCHEMAS_PER_CONNECTION,
        affinity=False,
        base_mb=base_mb,
        schema_mb=schema_mb,
    )
    by_share = {
        affinity: {
            share: memory_curve.largest_budget(
                replace(terms, affinity=affinity), SERVER_GIB * 1024 * share / 100
            )
            for share in SHARES
        }
        for affinity in (False, True)
    }
    without, bounded = points[0], points[2]
    raw: dict[str, Any] = {
        "backend_mb": {"without": without.total_mb, "with": bounded.total_mb},
        "reconnects_per_1000": round(bounded.reconnects_per_1000, 2),
        "schema_mb": round(schema_mb, 3),
        "empty_backend_mb": round(base_mb, 2),
        "measured": [asdict(one) for one in points],
        "curve": {
            "any process" if not affinity else "affinity": {
                f"{share} %": asdict(point) for share, point in found.items()
            }
            for affinity, found in by_share.items()
        },
        "machine": asdict(machine),
    }
    template = Path(__file__).with_name("memory.md.in").read_text()
    page = template.format(
        machine=machine.sentence(),
        tenants=f"{plan.tenants:,}",
        simulated=f"{TENANTS:,}",
        requests=f"{plan.requests:,}",
        processes=PROCESSES,
        threads=THREADS,
        backends=BACKENDS,
        gib=SERVER_GIB,
        budget=SCHEMAS_PER_CONNECTION,
        schema_mb=f"{schema_mb:.2f}",
        base_mb=f"{base_mb:.1f}",
        measured=_measured_table(points, terms, plan.tenants),
        shares=_share_table(by_share),
        curve=_curve_table(terms),
        goals=_goal_table(by_share[False]),
    ).strip()
    publish("memory", page=page, figures=raw, quick=plan.part)
    _merge(raw)


def _merge(raw: dict[str, Any]) -> None:
    """The two figures that belong to those of `make bench-shards`."""
    file = ROOT / ".bench" / "shards.json"
    found = json.loads(file.read_text()) if file.exists() else {}
    for key in ("backend_mb", "reconnects_per_1000"):
        found[key] = raw[key]
    file.write_text(json.dumps(found, indent=1) + "\n")


def _slope(measured: Sequence[Measured]) -> tuple[float, float]:
    """Megabytes per schema, and of a backend that has met none."""
    line = linear_regression(
        [one.met / one.backends for one in measured],
        [one.total_mb / one.backends for one in measured],
    )
    return line.slope, line.intercept


def _measured_table(points: Sequence[Measured], terms: Terms, tenants: int) -> str:
    rows = []
    for one in points:
        drawn = memory_curve.simulate(
            replace(
                terms,
                tenants=tenants,
                processes=PROCESSES,
                per_process=THREADS,
                budget=one.budget,
                affinity=one.affinity,
            ),
            requests=one.requests,
            from_empty=True,
        )
        rows.append(
            [
                f"{one.budget or 'none'}, {'affinity' if one.affinity else 'any process'}",
                f"{one.total_mb:.0f}",
                f"{one.largest_mb:.0f}",
                f"{one.reconnects_per_1000:.1f}",
                f"{drawn.peak_mb:.0f}",
                f"{drawn.reconnects_per_1000:.1f}",
            ]
        )
    header = [
        "budget", "all backends, MB", "largest, MB", "reconnects per 1,000",
        "simulated: most, MB", "reconnects per 1,000",
    ]  # fmt: skip
    return markdown_table(header, rows)


def _share_table(by_share: dict[bool, dict[int, Point]]) -> str:
    rows = [
        [
            f"{share} %",
            *(
                text
                for affinity in (False, True)
                for point in [by_share[affinity][share]]
                for text in (str(point.budget), f"{point.reconnects_per_1000:.1f}")
            ),
        ]
        for share in SHARES
    ]
    header = [
        "of the server's memory", "any process: budget", "reconnects per 1,000",
        "affinity: budget", "reconnects per 1,000",
    ]  # fmt: skip
    return markdown_table(header, rows)


def _curve_table(terms: Terms) -> str:
    rows = [
        [
            str(point.budget),
            f"{point.mean_mb:.0f}",
            f"{point.peak_mb:.0f}",
            f"{point.peak_mb / SERVER_GIB / 10.24:.0f} %",
            f"{point.reconnects_per_1000:.1f}",
        ]
        for point in memory_curve.curve(terms, BUDGETS)
    ]
    header = ["budget", "mean, MB", "most, MB", "of the server", "reconnects per 1,000"]
    return markdown_table(header, rows)


def _goal_table(found: dict[int, Point]) -> str:
    rows = []
    for share, goal in GOALS.items():
        value = found[share].reconnects_per_1000
        rows.append(
            [f"at {share} %", f"{goal:.0f}", f"{value:.1f}{'' if value <= goal else ' (missed)'}"]
        )
    return markdown_table(["", "at most, per 1,000 requests", "found"], rows)


def _plan_of(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-memory", description=__doc__)
    parser.add_argument("--tenants", type=int, default=TENANTS)
    parser.add_argument("--requests", type=int, default=16_000)
    plan = parser.parse_args(arguments)
    plan.part = (plan.tenants, plan.requests) != (TENANTS, 16_000)
    return plan


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
