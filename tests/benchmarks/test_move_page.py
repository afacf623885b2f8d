"""What `make bench-move` makes of what it measures: parts that were not run keep their figures."""

import json
from dataclasses import replace

import pytest

from tests.benchmarks import move_page
from tests.benchmarks.conditions import Machine
from tests.benchmarks.move_batches import Measured
from tests.benchmarks.move_figures import Conditions, found_in
from tests.benchmarks.move_oracle import Verdict
from tests.benchmarks.move_plan import BLOCK, LOGICAL, PARTS, VERSIONS, back_and_forth, plan_of
from tests.benchmarks.move_results import Copies, Found, Rates, Results, of_json

MACHINE = Machine("2026-11-22 04:00 UTC", 2, "a CPU", 24, 0.5, {"PostgreSQL": "18.4"})

COPIES = Copies(
    MACHINE,
    10_000_000,
    {"logical": Rates([4.0, 5.0, 6.0], [3.0], [1.0]), "block": Rates([10.0], [8.0], [1.0])},
    [2.0],
)


@pytest.mark.parametrize("moves", [1, 2, 5, 20])
def test_each_whole_move_begins_where_the_neighbours_write(moves):
    batches = list(back_and_forth(moves, 4 * moves))
    # So many switches lead back: the move itself, and its turns.
    assert all((1 + batch.turns) % 2 == 0 for batch in batches)
    assert sum(batch.turns for batch in batches) in (4 * moves, 4 * moves - 1)


def test_every_part_has_a_world_and_something_to_do():
    plan = plan_of([])
    for part in PARTS:
        assert plan.world(part).megabytes > 0
        assert part == "copy" or list(plan.batches(part))
    assert all(one.case.mode == "block" for one in plan.batches(VERSIONS, streams=False))
    assert plan_of(["--quick"]).parts == PARTS


def test_a_request_counts_if_it_met_a_move():
    found = found_in([measured(pause=20.0)], conditions())
    (one,) = found.switches
    assert (one.met.requests, one.met.longest, found.http_503) == (1, 30.0, 1)


def test_what_is_written_is_read_as_it_was():
    results = some_results()
    assert of_json(json.loads(json.dumps(results.to_json()))) == results


def test_a_part_that_is_not_run_keeps_its_figures():
    earlier = of_json(json.loads(json.dumps(some_results().to_json())))
    results = earlier.with_part(LOGICAL, found(pause=10.0))
    figures = move_page.as_json(results)
    assert figures["pause_ms"] == {"p50": 10.0, "p99": 10.0}
    assert figures["block_pause_ms"]["idle_p50"] == 41.0
    page = move_page.page_of(results)
    assert "block mode: pause, nothing written, p50, ms" in page
    assert " 41 (missed) |" in page
    assert "Not measured: PostgreSQL 15 and 16." in page


def test_the_file_has_the_keys_that_were_asked_for():
    results = some_results().with_part(LOGICAL, found(pause=10.0))
    told = move_page.as_json(replace(results, copies=COPIES))
    assert set(told) == {
        "pause_ms", "block_pause_ms", "pause_300_tables_ms", "lost_writes", "duplicated_effects",
        "http_503", "client_errors", "longest_request_ms", "copy_mb_per_s", "block_copy_mb_per_s",
        "pgcopydb_mb_per_s", "verify_mb_per_s",
    }  # fmt: skip
    assert told["pause_300_tables_ms"] == {"p50": None}
    rates = told["copy_mb_per_s"], told["block_copy_mb_per_s"], told["pgcopydb_mb_per_s"]
    assert rates == (2.0, 1.0, 5.0)


def test_a_move_that_failed_has_no_pause():
    failed = replace(measured(pause=1.0), moves=[{"began": 0.0, "ended": 1.0, "error": "no"}])
    results = Results().with_part(BLOCK, found_in([failed], conditions()))
    assert move_page.as_json(results)["block_pause_ms"]["p50"] is None
    assert "not measured" in move_page.page_of(results)


def test_requests_that_met_no_move_do_not_count_for_its_times():
    late = {"kind": "read", "asked": 5.0, "took": 9.0, "status": 200}
    one = measured(pause=20.0)
    found = found_in([replace(one, answers=[*one.answers, late])], conditions())
    assert (found.met.requests, found.met.longest) == (1, 30.0)


def some_results() -> Results:
    return Results().with_part(BLOCK, found(pause=41.0))


def found(*, pause: float) -> Found:
    return found_in([measured(pause=pause)], conditions())


def conditions() -> Conditions:
    return Conditions(MACHINE, "18.4", tables=45, bytes=5, bytes_with_indexes=10, neighbours=50)


def measured(*, pause: float) -> Measured:
    receipt = {"pause_ms": {"lock": 1.0, "total": pause}}
    return Measured(
        case="idle",
        moves=[{"began": 1.0, "ended": 2.0, "receipt": receipt, "steps_ms": {"gate": 4.0}}],
        turns=[],
        failed=[],
        answers=[
            {"kind": "read", "asked": 0.5, "took": 0.01, "status": 503},
            {"kind": "read", "asked": 1.5, "took": 0.03, "status": 200},
        ],
        verdict=Verdict(),
        wal_mb_per_second=8.0,
    )
