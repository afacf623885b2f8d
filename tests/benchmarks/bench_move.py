"""`make bench-move`: what a move costs, by step, under load, and whether anything is lost.

`make bench-move ARGS="--moves 20 --batch 5 --no-peer"` for a part; `ARGS=--help`.
"""

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tests.benchmarks import move_figures, move_peer
from tests.benchmarks.conditions import Machine, this_machine
from tests.benchmarks.move_figures import Batch, Copies
from tests.benchmarks.move_ground import THREADS, WORKERS, MoveGround, Mover, Tenant, move_ground
from tests.benchmarks.move_oracle import Verdict, judge
from tests.benchmarks.move_plan import COPIED, SMALL, Case, Plan, plan_of
from tests.benchmarks.moved.effects import EFFECTS
from tests.benchmarks.pages import ROOT, publish
from tests.fixtures.two_shards import SHARDS
from tests.fixtures.web_servers import WebServer

READERS: Final = 3
WRITERS: Final = 3
BY_SQL: Final = 2
PER_SECOND: Final = 10.0
_WARM_SECONDS: Final = 1.0
_BETWEEN_MOVES: Final = 0.3
_QUIET: Final = 0.5
"""Load per CPU before the run, below which a machine is the run's own."""
_MOST: Final = {"large": 10_000}
"""Milliseconds that a pause may take where it is not what is measured."""


def main() -> None:
    plan = plan_of(sys.argv[1:])
    if plan.peer and move_peer.find_pgcopydb() is None:
        raise SystemExit("pgcopydb is missing: `apt-get install pgcopydb`, or ARGS=--no-peer.")
    batches: list[Batch] = []
    copies = None
    with move_ground(plan) as ground:
        machine = this_machine(PostgreSQL=_version(ground))
        try:
            with ground.served() as server, Mover(ground) as mover:
                with ground.busy_neighbours(plan.wal_mb_per_second):
                    for case, moves in plan.batches():
                        batches.append(_batch(ground, server, mover, case, moves))
                        _say(_short(batches[-1]))
                    copies = _copies(ground, mover, plan)
        finally:
            # What was measured before something failed is told.
            if batches:
                _report(plan, machine, ground, batches, copies)


def _batch(ground: MoveGround, server: WebServer, mover: Mover, case: Case, moves: int) -> Batch:
    tenant = ground.tenants[case.tenant]
    clients = {
        "readers": READERS,
        "writers": WRITERS if case.busy else 0,
        "by_sql": BY_SQL if case.busy else 0,
        "per_second": PER_SECOND,
        "from_number": 0,
    }
    _forget_writes(ground, tenant)
    made: list[dict[str, Any]] = []
    with ground.clients(server, tenant, clients) as answers:
        time.sleep(_WARM_SECONDS)
        began, wal = time.monotonic(), ground.wal_bytes(SHARDS[0])
        for _ in range(moves):
            made.append(mover.move(tenant, case.mode))
            time.sleep(_BETWEEN_MOVES)
        wal = ground.wal_bytes(SHARDS[0]) - wal
        lasted = time.monotonic() - began
    return Batch(
        case=case.name,
        moves=made,
        answers=answers,
        verdict=_judge(ground, tenant, answers),
        wal_mb_per_second=round(wal / 1e6 / lasted, 1),
    )


def _forget_writes(ground: MoveGround, tenant: Tenant) -> None:
    """The tenant is as large in each batch as in the first."""
    at, schema = ground.place_of(tenant), tenant.schema
    ground.tell(at, f"DELETE FROM {schema}.bench_moved_entry")
    ground.tell(at, f"UPDATE {schema}.bench_moved_counter SET value = 0")
    ground.tell(at, f"VACUUM {schema}.bench_moved_entry, {schema}.bench_moved_counter")
    ground.effects(EFFECTS)


def _judge(ground: MoveGround, tenant: Tenant, answers: list[dict[str, Any]]) -> Verdict:
    at, schema = ground.place_of(tenant), tenant.schema
    effects = [one.split(":") for one in ground.effects(EFFECTS)]
    return judge(
        answers,
        rows=ground.ask(at, f"SELECT writer, number FROM {schema}.bench_moved_entry"),
        effects=[(int(writer), int(number)) for writer, number in effects],
        counters=dict(ground.ask(at, f"SELECT writer, value FROM {schema}.bench_moved_counter")),
    )


def _copies(ground: MoveGround, mover: Mover, plan: Plan) -> Copies:
    """A tenant that is large enough, there and back, and pgcopydb with the same rows."""
    tenant = ground.tenants[COPIED.tenant]
    if plan.peer:
        move_peer.prepare(ground, tenant)
    whole, alone, compared, peers = [], [], [], []
    version = ""
    for _ in range(plan.large_moves):
        made = mover.move(tenant, COPIED.mode, max_pause_ms=_MOST["large"])
        if "error" in made:
            _say(f"large: {made['error']}")
            continue
        result, steps = made["result"], made["steps_ms"]
        copying = sum(result["first_round_s"].values()) - result["first_round_s"]["compare"]
        whole.append(steps["make_target"] / 1000 + copying)
        alone.append(result["first_round_s"]["copy"])
        compared.append(result["verify_seconds"])
        if plan.peer:
            cloned = move_peer.clone(ground)
            if not move_peer.rows_alike(ground, tenant):
                raise SystemExit("pgcopydb copied something else")
            peers.append(cloned.seconds)
            version = cloned.version
        _say(f"large: {whole[-1]:.1f} s, rows alone {alone[-1]:.1f} s, pgcopydb {peers[-1:]}")
    return Copies(
        bytes=tenant.bytes,
        bytes_with_indexes=tenant.bytes_with_indexes,
        whole_s=whole,
        copy_s=alone,
        compare_s=compared,
        peer_s=peers,
        peer_version=version,
    )


def _report(
    plan: Plan,
    machine: Machine,
    ground: MoveGround,
    batches: list[Batch],
    copies: Copies | None,
) -> None:
    runs = ROOT / ".bench" / "move-runs.json"
    runs.parent.mkdir(exist_ok=True)
    raw = {
        "machine": asdict(machine),
        "plan": asdict(plan),
        "tenants": [asdict(one) for one in ground.tenants.values()],
        "copies": copies and asdict(copies),
        "batches": [asdict(one) for one in batches],
    }
    runs.write_text(json.dumps(raw, indent=1, default=str) + "\n")
    small = ground.tenants[SMALL]
    found = move_figures.verdict_of(batches)
    failed = [one["error"] for batch in batches for one in batch.moves if "error" in one]
    template = Path(__file__).with_name("move.md.in").read_text()
    page = template.format(
        machine=machine.sentence(),
        shared=_shared(machine),
        moves=sum(len(batch.moves) for batch in batches),
        failed=len(failed) or "None",
        tables=small.tables,
        small=f"{small.bytes / 1e6:.1f}",
        small_indexes=f"{small.bytes_with_indexes / 1e6:.1f}",
        neighbours=plan.neighbours,
        wal_least=min(batch.wal_mb_per_second for batch in batches),
        wal_most=max(batch.wal_mb_per_second for batch in batches),
        workers=WORKERS,
        threads=THREADS,
        readers=READERS,
        writers=WRITERS,
        by_sql=BY_SQL,
        per_second=f"{PER_SECOND:g}",
        batch=plan.batch,
        goals=move_figures.goals(batches, copies),
        pauses=move_figures.pause_table(batches),
        steps=move_figures.steps_table(batches),
        clients=move_figures.clients_table(batches),
        acknowledged=f"{found.acknowledged:,}",
        torn=found.torn,
        without_effect=found.without_effect,
        large=f"{copies.bytes / 1e6:.0f}" if copies else "-",
        copies=move_figures.copy_table(copies) if copies else "Not measured in this run.",
    ).strip()
    figures = move_figures.as_json(batches, copies)
    publish("move", page=page, figures=figures, quick=plan.part, page_name="moves")


def _shared(machine: Machine) -> str:
    """What others did on the machine is in every figure."""
    if machine.load_before < machine.cpus * _QUIET:
        return "Nobody else worked on the machine."
    return (
        "**The machine was shared**: others' load of "
        f"{machine.load_before:.0f} on {machine.cpus} CPUs is in every figure, so that they are "
        "upper bounds; compare those of one run with each other only."
    )


def _version(ground: MoveGround) -> str:
    return str(ground.ask(SHARDS[0], "SHOW server_version")[0][0]).split()[0]


def _short(batch: Batch) -> str:
    taken = move_figures.pauses([batch])
    met = [one["took"] * 1000 for one in batch.met]
    errors = [one["error"] for one in batch.moves if "error" in one]
    return (
        f"{batch.case}: pause {move_figures.quantile(taken, 0.5)} / "
        f"{move_figures.quantile(taken, 1.0)} ms; HTTP p99 {move_figures.quantile(met, 0.99)}, "
        f"longest {move_figures.quantile(met, 1.0)} ms; {batch.verdict}; "
        f"WAL {batch.wal_mb_per_second} MB/s; {errors or 'all moved'}"
    )


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
