"""`make bench-move`: what a move costs, by step, under load, and whether anything is lost.

ARGS="--help" says how to measure a part of it; what is not measured is of the run before.
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

from tests.benchmarks import move_page, move_peer, move_versions
from tests.benchmarks.conditions import this_machine
from tests.benchmarks.move_batches import Measured, measure
from tests.benchmarks.move_figures import Conditions, found_in, quantile
from tests.benchmarks.move_ground import Mover, move_ground
from tests.benchmarks.move_plan import (
    BLOCK,
    COPY,
    LARGE,
    LOGICAL,
    SCHEMAS,
    TABLES,
    VERSIONS,
    Plan,
    plan_of,
)
from tests.benchmarks.move_results import Copies, Found, Rates, Results, read_last
from tests.benchmarks.pages import ROOT

_OLDEST_WITH_STREAMS: Final = 16
_MAX_PAUSE_MS: Final = 10_000
"""Where the pause is not what is measured."""


def main() -> None:
    plan = plan_of(sys.argv[1:])
    if COPY in plan.parts and plan.peer and move_peer.find_pgcopydb() is None:
        raise SystemExit("pgcopydb is missing: `apt-get install pgcopydb`, or ARGS=--no-peer.")
    results = read_last()
    for part in plan.parts:
        _say(f"== {part}")
        for measured in _MEASURES[part](plan, results, part):
            # What was measured before another part fails is told.
            move_page.report(measured, quick=plan.quick)
            results = measured
    if not all(one.is_clean for one in results.verdicts):
        raise SystemExit("A write was lost or doubled, or is half done: see the page.")


def _measure_part(plan: Plan, last: Results, part: str) -> Iterator[Results]:
    yield last.with_part(part, _found(plan, part))


def _measure_versions(plan: Plan, last: Results, part: str) -> Iterator[Results]:
    for pg_bin in move_versions.others() if plan.pg_bins is None else plan.pg_bins:
        last = last.with_version(_found(plan, part, pg_bin=pg_bin))
        yield last


def _found(plan: Plan, part: str, *, pg_bin: Path | None = None) -> Found:
    before = this_machine()
    done: list[Measured] = []
    with move_ground(plan.world(part, pg_bin)) as ground:
        under = Conditions(
            replace(before, versions={**before.versions, "PostgreSQL": ground.version}),
            postgres=ground.version,
            tables=ground.tenant.tables,
            bytes=ground.tenant.bytes,
            bytes_with_indexes=ground.tenant.bytes_with_indexes,
            neighbours=ground.world.neighbours,
            batch=plan.batch if part == BLOCK else 1,
        )
        streams = int(ground.version.split(".")[0]) >= _OLDEST_WITH_STREAMS
        with ground.served() as server, Mover(ground) as mover, ground.busy_neighbours():
            for batch in plan.batches(part, streams=streams):
                done.append(measure(ground, server, mover, batch))
                _say(_short(done[-1]))
                # What was measured before something fails is kept.
                _keep(part, done)
    return found_in(done, under)


def _measure_copy(plan: Plan, last: Results, part: str) -> Iterator[Results]:
    """A tenant that is large enough, there and back, and pgcopydb with the same rows."""
    before = this_machine()
    by_mode = {"logical": Rates([], [], []), "block": Rates([], [], [])}
    peers: list[float] = []
    version = ""
    with move_ground(plan.world(part)) as ground, Mover(ground) as mover:
        machine = replace(before, versions={**before.versions, "PostgreSQL": ground.version})
        if plan.peer:
            move_peer.prepare(ground)
        with ground.busy_neighbours():
            for mode, rates in list(by_mode.items()) * plan.copies:
                _copy(mover, mode, rates)
                if plan.peer:
                    cloned = move_peer.clone(ground)
                    if not move_peer.rows_alike(ground):
                        raise SystemExit("pgcopydb copied something else")
                    peers.append(cloned.seconds)
                    version = cloned.version
                _say(f"{mode}: {rates.whole_s[-1:]}, of rows {rates.copy_s[-1:]}; {peers[-1:]}")
        copies = Copies(machine, ground.tenant.bytes, by_mode, peers, version)
    yield replace(last, copies=copies)


def _copy(mover: Mover, mode: str, rates: Rates) -> None:
    made = mover.move(mode, max_pause_ms=_MAX_PAUSE_MS)
    if "error" in made:
        _say(f"{mode}: {made['error']}")
        return
    result, steps = made["result"], made["steps_ms"]
    if mode == "logical":
        alone = steps["copy_snapshot"] / 1000
        after = steps["build"] / 1000
    else:
        alone = result["first_round_s"]["copy"]
        after = result["first_round_s"]["analyze"]
    rates.whole_s.append(steps["make_target"] / 1000 + alone + after)
    rates.copy_s.append(alone)
    rates.compare_s.append(result["verify_seconds"])


_MEASURES: Final[dict[str, Callable[[Plan, Results, str], Iterator[Results]]]] = {
    BLOCK: _measure_part,
    LOGICAL: _measure_part,
    COPY: _measure_copy,
    TABLES: _measure_part,
    SCHEMAS: _measure_part,
    VERSIONS: _measure_versions,
    LARGE: _measure_part,
}


def _keep(part: str, done: list[Measured]) -> None:
    """All answers, for whoever wants to look closer."""
    file = ROOT / ".bench" / f"move-runs-{part}.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps([asdict(one) for one in done], indent=1, default=str) + "\n")


def _short(batch: Measured) -> str:
    made = [*batch.moves, *batch.turns]
    taken = [one["receipt"]["pause_ms"]["total"] for one in made if "receipt" in one]
    http = [one["took"] * 1000 for one in batch.answers if one["kind"] != "sql"]
    return (
        f"{batch.case}: {len(taken)} pauses {quantile(taken, 0.5)} / {quantile(taken, 1.0)} ms; "
        f"HTTP p99 {quantile(http, 0.99)}, longest {quantile(http, 1.0)} ms; {batch.verdict}; "
        f"WAL {batch.wal_mb_per_second} MB/s; {batch.failed or 'all moved'}"
    )


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
