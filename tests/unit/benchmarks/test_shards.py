"""`make bench-shards` runs what it is asked for, and words what came of it."""

import json
from dataclasses import replace

import pytest

from tests.benchmarks.shards_cases import ATOLL, CASES, DOWNS, STOCK
from tests.benchmarks.shards_figures import (
    Run,
    as_json,
    goals,
    hung,
    renewed,
    runs_of,
    spread_of,
    spreads,
    tables,
)
from tests.benchmarks.shards_plan import plan_of
from tests.fixtures.load.figures import Asked, Phase, Told, tell

PHASES = {"before": Phase(0, 10), "during": Phase(10, 20), "after": Phase(20, 30)}


def run_of(case, *, other_during=0.01, first=0.4, kind="gthread", system=ATOLL) -> Run:
    asked = [Asked("beta", due, 0.01, 200, 0) for due in range(10)]
    asked += [Asked("beta", due, other_during, 200, 0) for due in range(10, 20)]
    asked += [Asked("beta", due, 0.01, 200, 0) for due in range(20, 30)]
    asked += [Asked("alpha", 1.0, 0.01, 200, 0), Asked("alpha", 10.0, first, 503, 5)]
    asked += [Asked("alpha", 21.0, 0.01, 503, 5), Asked("alpha", 22.0, 0.01, 200, 0)]
    told: Told = tell(asked, **PHASES)
    return Run(0, case, kind, system, told)


def all_downs(**how):
    return [run_of(case, **how) for case in CASES if case.name in DOWNS]


def test_a_whole_run_has_every_case_on_both_servers_beside_stock_django():
    plan = plan_of([])
    assert not plan.part
    runs = plan.runs()
    assert len(runs) == 7 * 2 * (3 + 1)
    assert {(case.name, kind) for _, case, kind, system in runs if system is STOCK} == {
        (case.name, kind) for _, case, kind, system in runs if system is ATOLL
    }


def test_a_part_is_what_was_asked_for_and_leaves_the_page_alone():
    plan = plan_of(["--only", "sigstop", "--server", "asgi", "--rounds", "1", "--system", "atoll"])
    assert [(case.name, kind, one.name) for _, case, kind, one in plan.runs()] == [
        ("sigstop", "asgi", "atoll")
    ]
    assert plan.part


@pytest.mark.parametrize("wrong", [["--only", "flood"], ["--rounds", "0"], ["--seconds", "x"]])
def test_what_cannot_be_measured_is_refused_before_anything_is_built(wrong, capsys):
    with pytest.raises(SystemExit):
        plan_of(wrong)
    assert wrong[0] in capsys.readouterr().err


def test_the_keys_are_those_that_the_goals_speak_of():
    told = as_json(all_downs())
    assert list(told["other_shard_p99_ratio"]) == list(DOWNS)
    assert told["other_shard_p99_ratio"]["sigstop"] == 1.0
    assert told["fail_fast_s"]["refused"] == 0.4
    assert told["slowest_s"]["slow"] == 0.4
    assert told["recover_s"]["blackhole"] == 1.0


def test_the_worse_server_speaks_and_a_missing_answer_is_not_hidden():
    good, bad = all_downs(), all_downs(kind="asgi", other_during=0.02, first=0.7)
    told = as_json([*good, *bad])
    assert told["other_shard_p99_ratio"]["sigstop"] == 2.0
    assert told["fail_fast_s"]["sigstop"] == 0.7
    assert as_json(all_downs(first=30))["fail_fast_s"]["sigstop"] == 30


def test_goals_say_what_was_missed_and_what_is_within_the_noise():
    page = goals([*all_downs(first=0.7), *all_downs(kind="asgi", other_during=0.0105)])
    assert "0.70 (missed)" in page
    assert "1.05: within 10 %" in page
    assert "2.00 (missed; spread 1.00)" in goals(all_downs(other_during=0.02))


def test_without_redis_or_control_the_goal_of_others_is_judged_as_well():
    case = next(case for case in CASES if case.name == "control_sigstop")
    (row,) = [line for line in goals([run_of(case)]).splitlines() if "control" in line]
    assert [cell.strip() for cell in row.split("|")[2:-1]] == ["1.00: within 10 %", *"–––"]


def test_tables_name_both_systems_and_all_answers():
    runs = [*all_downs(), *all_downs(system=STOCK, first=30)]
    assert "SIGSTOP: stock Django" in tables(runs)
    assert "1 × 503" in tables(runs)
    assert "stock Django, gunicorn, gthread" in spreads(runs)
    assert hung(runs) == "Not measured in this run."


def test_one_phase_in_ten_that_was_disturbed_excuses_nothing():
    downs = [replace(run, number=number) for number in range(5) for run in all_downs()]
    lanes = dict(downs[0].told.lanes)
    lanes["beta"] = {**lanes["beta"], "before": replace(lanes["beta"]["before"], p99_ms=5000.0)}
    disturbed = replace(downs[0], told=replace(downs[0].told, lanes=lanes))
    spread = spread_of([disturbed, *downs[1:]], "gthread", ATOLL)
    assert (spread.most_ms, spread.share) == (5000.0, 1.0)


def test_cases_that_are_measured_again_take_their_place_in_the_last_whole_run():
    before = [*all_downs(), *all_downs(kind="asgi"), *all_downs(system=STOCK, first=30)]
    kept = runs_of(json.loads(json.dumps(as_json(before)["runs"])))
    assert kept == before
    anew = [run_of(before[1].case, kind=kind, first=0.1) for kind in ("gthread", "asgi")]
    runs = renewed(kept, anew)
    assert [run for run in runs if run.case == before[1].case] == anew
    assert [run for run in runs if run.case != before[1].case] == [
        *(run for pair in zip(before[:1], before[8:9], before[4:5], strict=True) for run in pair),
        *(run for pair in zip(before[2:4], before[10:], before[6:8], strict=True) for run in pair),
    ]


def test_to_measure_again_is_as_whole_as_before():
    plan = plan_of(["--again", "redis_sigstop"])
    assert (plan.again, plan.part, plan.costs) == (True, False, False)
    assert len(plan.runs()) == 2 * (3 + 1)
    assert plan_of(["--again", "redis_sigstop", "--rounds", "1"]).part
    with pytest.raises(SystemExit):
        plan_of(["--again", "redis_sigstop", "--only", "sigstop"])
