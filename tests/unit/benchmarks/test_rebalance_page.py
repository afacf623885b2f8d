"""The page of `make bench-rebalance`: what one run did not measure is of the run before."""

from dataclasses import replace

import pytest

from tests.benchmarks import pages, rebalance_page
from tests.benchmarks.conditions import Machine
from tests.benchmarks.rebalance_live import Live
from tests.benchmarks.rebalance_page import (
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
from tests.benchmarks.rebalance_sampling import Sampled

MET = {"requests": 1000, "p50": 10.0, "p99": 40.0, "longest": 90.0}
LIVED = Live(
    tenants=200,
    moved=66,
    steps={"done": 66},
    bytes=120_000_000,
    add_s=3.0,
    seconds=300.0,
    before=MET,
    during={**MET, "p99": 60.0},
    pauses={"p50": 50.0, "p99": 90.0, "longest": 95.0},
    modes={"block": 64, "logical": 2},
    spread_before={"alpha": [100, 200], "beta": [100, 190], "gamma": [0, 0]},
    spread_after={"alpha": [67, 130], "beta": [67, 130], "gamma": [66, 130]},
    acknowledged=5000,
    lost_writes=0,
    duplicated_effects=0,
    without_effect=0,
    torn=0,
    http_503=2,
    client_errors=0,
)
ALL = Results(
    fleet=(100, 100_000),
    planned=[Planned("skewed", 2.5, 2.1, [1.1, 1.09, 1.1], 13_943, 7 * 10**12, 1.005, 1.1, 0)],
    lived={1: Lived({"greedy": {"peak": 0.87}, "planner": {"peak": 0.78, "twice": 0}}, "t", "b")},
    timed=[Timed(10_000, 50.0, 40.0)],
    sampled=Sampled(10_000, 10, 1.5, 300, 0.4, {"10000": 12.0}),
    live=LIVED,
)


def machine(at: str) -> Machine:
    return Machine(at, 2, "a model", 24, 0.5, {"Python": "3.11"})


@pytest.fixture
def written(tmp_path, monkeypatch):
    for module in (pages, rebalance_page):
        monkeypatch.setattr(module, "ROOT", tmp_path)

    def write(results: Results) -> str:
        report(results, quick=False)
        return (tmp_path / "docs" / "benchmarks" / "rebalance.md").read_text()

    return write


def test_a_part_is_measured_anew_and_the_others_keep_their_figures_and_dates(written) -> None:
    dates = {PLANS: "monday", DAYS: "tuesday", SAMPLING: "wednesday", LIVE: "thursday"}
    first = replace(ALL, machines={part: machine(at) for part, at in dates.items()})
    written(first)
    last = read_last()
    assert last.live == LIVED
    assert [*last.planned] == [*ALL.planned]
    page = written(replace(last, machines={**last.machines, LIVE: machine("friday")}))
    assert all(day in page for day in ("monday", "tuesday", "wednesday", "friday"))
    assert "thursday" not in page
    assert "66 of 200 tenants moved in" in page
    assert "1.5 (60.0 ms / 40.0 ms)" in page


def test_what_was_never_measured_is_said_to_be_so(written) -> None:
    page = written(Results(live=LIVED, machines={LIVE: machine("friday")}))
    assert "Not measured." in page
    assert "a plan" not in page.partition("## Plans")[0]
    assert read_last().twice is None


def test_the_figures_have_the_keys_that_the_goals_speak_of(written, tmp_path) -> None:
    written(ALL)
    told = read_last().live
    assert told is not None
    raw = told.to_json()
    wanted = "tenants lost_writes duplicated_effects http_503 p99_ratio seconds"
    assert set(wanted.split()) <= set(raw)
    assert raw["p99_ratio"] == 1.5
