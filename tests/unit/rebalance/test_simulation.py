"""Months of a small fleet, and the command that shows them."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from sharding.rebalance.core.types import Policy
from sharding.rebalance.simulation.comparing import Asked, Comparison, compare
from sharding.rebalance.simulation.deciding import Decider, Decision, decide_nothing
from sharding.rebalance.simulation.fleet import SyntheticFleet, Told
from sharding.rebalance.simulation.recorded import RecordedFleet, RecordingError
from sharding.rebalance.simulation.run import simulate

SMALL = Told(shards=5, tenants=300, days=24, new_shard=12)
RECORDING = """day,tenant,shard,bytes,load
0,a,alpha,1000,1
0,b,alpha,2000,1
0,c,beta,1000,0.5
2,a,alpha,9000,4
"""


@pytest.fixture(scope="module")
def found() -> Comparison:
    return compare(Asked(SMALL), tick=lambda done, whole: None)


def test_the_planner_keeps_shards_even_and_moves_nobody_twice_in_a_week(found: Comparison) -> None:
    nobody, greedy, planner = found.outcomes
    assert (nobody.moves, planner.twice) == (0, 0)
    assert planner.bytes < greedy.bytes
    assert planner.days[-1].worst < nobody.days[-1].worst
    assert planner.bound
    assert planner.bytes / planner.bound < 1.3


def test_a_new_shard_is_filled_within_days(found: Comparison) -> None:
    planner = found.outcomes[-1]
    assert planner.days[12].moves > 0
    assert planner.days[15].worst < 1.2


def test_the_same_seed_makes_the_same_months_and_another_one_others() -> None:
    fleets = [SyntheticFleet(Told(3, 50, 5, seed)) for seed in (1, 1, 2)]
    for fleet in fleets:
        for day in range(5):
            fleet.advance(day)
    first, same, other = (fleet.tenants for fleet in fleets)
    assert first == same != other


def test_who_moves_somebody_again_within_a_week_is_counted() -> None:
    """The control of `twice`: it can be more than 0."""
    day = iter(range(99))

    def restless(world, ledger) -> Decision:
        return Decision((("t000000", world.shards[next(day) % 2].name),))

    fleet = SyntheticFleet(Told(2, 10, 6, new_shard=None))
    outcome = simulate(Decider("restless", restless), fleet)
    assert (outcome.moves, outcome.twice) == (6, 5)


def test_a_recording_is_replayed_as_it_was() -> None:
    fleet = RecordedFleet(RECORDING.splitlines())
    outcome = simulate(Decider("nobody", decide_nothing, smoothed=False), fleet)
    assert [day.tenants for day in outcome.days] == [3, 3, 3]
    assert fleet.tenants.bytes == [9000, 2000, 1000]
    assert outcome.days[0].worst == pytest.approx(1.6)
    assert outcome.days[2].worst == pytest.approx(11 / 6)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column day, tenant"),
        ("day,tenant,shard,bytes,load\n", "no day"),
        ("day,tenant,shard,bytes,load\nx,a,b,1,1\n", "Line 2"),
        ("day,tenant,shard,bytes,load\n0,a,b,1\n", "Line 2"),
        ("day,tenant,shard,bytes,load\n0,a,b,-1,1\n", "below 0"),
        ("day,tenant,shard,bytes,load\n0,a,b,1,nan\n", "below 0"),
        ("day,tenant,shard,bytes,load\n0,,b,1,1\n", "names no tenant"),
    ],
)
def test_what_is_no_recording_is_refused_by_line(text: str, said: str) -> None:
    with pytest.raises(RecordingError, match=said):
        RecordedFleet(text.splitlines())


def simulated(*arguments: str) -> str:
    out = StringIO()
    call_command("simulate_rebalance", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_shows_balance_over_time_and_what_it_cost() -> None:
    shown = simulated("--shards", "3", "--tenants", "60", "--days", "5")
    assert all(word in shown for word in ("nobody", "greedy", "planner", "DAY", "/ BOUND", "TWICE"))
    told = json.loads(simulated("--shards", "3", "--tenants", "60", "--days", "5", "--json"))
    assert set(told) == {"nobody", "greedy", "planner"}
    assert len(told["planner"]["days"]) == 5


def test_the_command_replays_a_file(tmp_path) -> None:
    (tmp_path / "days.csv").write_text(RECORDING)
    told = json.loads(simulated("--recorded", str(tmp_path / "days.csv"), "--json"))
    assert len(told["nobody"]["days"]) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--shards", "1"], "--shards is 1; give 2 to 200"),
        (["--tenants", "0"], "--tenants is 0"),
        (["--days", "-3"], "--days is -3"),
        (["--days", "many"], "invalid int value"),
        (["--recorded", "nowhere.csv"], "nowhere.csv"),
        (["--recorded"], "expected one argument"),
    ],
)
def test_bad_input_is_told_and_is_a_usage_error(arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said) as raised:
        simulated(*arguments)
    assert raised.value.returncode in (1, 2)


def test_a_file_that_is_no_recording_is_named(tmp_path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CommandError, match=r"other\.csv: It has no column"):
        simulated("--recorded", str(tmp_path / "other.csv"))


def test_settings_of_the_installation_are_what_is_simulated(settings) -> None:
    settings.ATOLL_REBALANCE_ENTER = 1.0
    settings.ATOLL_REBALANCE_LEAVE = 1.0
    told = json.loads(simulated("--shards", "3", "--tenants", "60", "--days", "3", "--json"))
    assert told["planner"]["moves"] == 0
    assert Policy().enter == 0.10
