"""What people read of a fleet of ten thousand fits on a screen and says what to do."""

import json
from collections import Counter

from migrations_tools.fleet.journal import StepEnd
from migrations_tools.fleet.rendering import (
    MOST_REASONS,
    plan_lines,
    report_json,
    report_lines,
)
from migrations_tools.fleet.requests import FleetReport, FleetRequest
from migrations_tools.fleet.routes import Route
from migrations_tools.fleet.states import RunState, Standing, StepState
from migrations_tools.fleet.status import (
    FleetStatus,
    RunLine,
    StateLine,
    status_json,
    status_lines,
)
from migrations_tools.fleet.types import FleetPlan, Group, GroupKey, Member, Shares, Wave
from migrations_tools.management.commands.migrate_schemas import MOST_NAMED, again

KEY = GroupKey("0ld" * 10, "f", 18)


def member(number, standing=Standing.BEHIND, why=""):
    shard = ("alpha", "beta")[number % 2]
    return Member(f"t{number:05}", shard, f"t{number:05}", standing, KEY, why)


def report_of(behind, others=(), **more):
    members = tuple(behind) + tuple(others)
    groups = (Group(KEY, tuple(behind)),) if behind else ()
    waves = (Wave("100%", tuple(behind)),) if behind else ()
    plan = FleetPlan("new" * 10, members, groups, waves)
    more.setdefault("routes", {KEY: Route(("app.0002_x", "app.0003_y"))})
    return FleetReport(plan, **more)


def test_a_report_groups_what_went_wrong_and_counts_all():
    behind = [member(n) for n in range(1000)]
    ends = {
        one.tenant_id: StepEnd(one.tenant_id, one.shard, StepState.DONE) for one in behind[:990]
    }
    for one in behind[990:]:
        ends[one.tenant_id] = StepEnd(
            one.tenant_id, one.shard, StepState.FAILED, said="no such column"
        )
    skipped = [member(n, Standing.SKIPPED, "it is suspended") for n in range(2000, 2500)]
    report = report_of(behind, skipped, run=7, ends=ends, seconds=2.0)
    lines = list(report_lines(report))
    assert lines == [
        "500 left alone: it is suspended (t02000, t02001, t02002 and 497 more)",
        "10 failed: no such column (t00990, t00991, t00992 and 7 more)",
        (
            "Run 7, 1500 schemas: 990 migrated, 0 had it all, 10 failed, 500 left alone. "
            "It took 2 s, 2.0 ms each."
        ),
    ]
    assert report.state is RunState.FAILED
    assert json.loads(json.dumps(report_json(report)))["run"] == 7


def test_a_run_that_left_somebody_behind_is_not_done():
    waiting = [member(1, Standing.WAITING, "shard beta is away")]
    assert report_of([], waiting).state is RunState.PAUSED
    assert report_of([], [member(1, Standing.SKIPPED, "it is half made")]).state is RunState.DONE
    assert report_of([], [member(1, Standing.WRONG, "gone")]).state is RunState.FAILED
    assert report_of([member(1)]).state is RunState.PAUSED, "not begun"
    assert report_of([member(1)], stopped="the canary failed").state is RunState.PAUSED


def test_a_plan_names_what_is_lacking_and_the_waves():
    report = report_of([member(n) for n in range(5)], control=("fleet.0001_initial",))
    assert list(plan_lines(report)) == [
        "control: fleet.0001_initial",
        "group 1: 5 schemas at 0ld0ld0l on PostgreSQL 18 lack app.0002_x, app.0003_y",
        "wave 100%: 5 schemas (alpha 3, beta 2): t00000, t00001, t00002 and 2 more",
        "5 schemas: 5 would be migrated, 0 have it all. Nothing was changed.",
    ]


def test_nothing_to_do_is_one_line():
    level = [member(n, Standing.LEVEL) for n in range(3)]
    assert list(report_lines(report_of([], level, seconds=0.03))) == [
        "3 schemas, nothing to do: 0.0 s."
    ]


def test_ten_thousand_schemas_and_all_that_can_be_wrong_fit_on_a_screen():
    reasons = [f"shard s{n} is away: it does not answer" for n in range(10)]
    members = [member(n, Standing.WAITING, reasons[n % 10]) for n in range(10_000)]
    states = tuple(
        StateLine(f"{n:08}", 18, Counter({f"s{k}": 100 for k in range(50)}), 2, ("app.0002_x",) * 9)
        for n in range(12)
    )
    run = RunLine(
        7,
        RunState.FAILED,
        "2026-11-21",
        3.0,
        "host:1:ab",
        Counter({StepState.DONE: 3}),
        tuple((StepState.FAILED, f"error {n}", (f"t{n:05}",)) for n in range(5)),
    )
    plan = FleetPlan("new" * 10, tuple(members), (), ())
    lines = list(status_lines(FleetStatus("new" * 10, 40, plan, states, run)))
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 200


def test_ten_thousand_reasons_and_as_many_states_still_fit_on_a_screen():
    """As when each schema fails with words of its own."""
    members = [member(n, Standing.WRONG, f"its own reason, {n}") for n in range(10_000)]
    states = tuple(StateLine(f"{n:08}", 18, Counter({"s": 1}), 1, None) for n in range(300))
    run = RunLine(
        7,
        RunState.FAILED,
        "2026-11-21",
        3.0,
        "host:1:ab",
        Counter({StepState.FAILED: 10_000}),
        tuple((StepState.FAILED, f"error {n}", (f"t{n:05}",)) for n in range(10_000)),
    )
    plan = FleetPlan("new" * 10, tuple(members), (), ())
    status = FleetStatus("new" * 10, 40, plan, states, run)
    lines = list(status_lines(status))
    assert len(lines) <= 45
    assert max(map(len, lines)) <= 200
    assert "285 more in 285 other states, which --json lists" in lines
    assert (
        "9,992 more for 9,992 other reasons, which --json lists (t00008, t00009, t00010 and 9,989"
        " more)"
    ).replace("9,989", "9989") in lines
    told = status_json(status)
    assert len(told["not_level"]) == len(told["run"]["not_done"]) == 10_000
    assert len(told["states"]) == 300


def test_a_report_of_many_reasons_names_the_most_frequent_and_counts_the_rest():
    behind = [member(n) for n in range(100)]
    ends = {
        one.tenant_id: StepEnd(
            one.tenant_id, one.shard, StepState.FAILED, said="the same" if n < 40 else f"own {n}"
        )
        for n, one in enumerate(behind)
    }
    lines = list(report_lines(report_of(behind, run=7, ends=ends)))
    assert len(lines) == MOST_REASONS + 2
    assert lines[0].startswith("40 failed: the same (")
    assert lines[-2].startswith("53 more for 53 other reasons, which --json lists (")


def test_what_goes_on_after_migrate_schemas_leaves_nobody_out():
    few = report_of([member(n) for n in range(MOST_NAMED)])
    assert again(FleetRequest(), few).split()[2:] == [
        word for n in range(MOST_NAMED) for word in ("--tenant", f"t{n:05}")
    ]
    many = report_of([member(n) for n in range(MOST_NAMED + 1)])
    assert again(FleetRequest(), many) == "manage.py migrate_schemas"
    assert again(FleetRequest(shards=("alpha", "beta")), many) == (
        "manage.py migrate_schemas --shard alpha --shard beta"
    )
    asked = FleetRequest(tenants=tuple(f"t{n:05}" for n in range(30)))
    assert again(asked, many).count("--tenant") == MOST_NAMED + 1


def test_what_was_asked_survives_the_journal():
    asked = FleetRequest(
        tenants=("t1",),
        shards=("alpha",),
        shares=Shares((5.0, 100.0), canary=False, canaries=("t1",)),
        lanes=3,
        budget="2%",
        pause_s=1.5,
        skip_suspended=True,
        record_from=9,
    )
    assert FleetRequest.from_json(json.loads(json.dumps(asked.to_json()))) == asked
