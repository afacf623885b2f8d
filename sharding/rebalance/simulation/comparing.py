"""The same fleet three times: nobody moves anything, a greedy one does, the planner does."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sharding.rebalance.core.types import Policy
from sharding.rebalance.simulation.deciding import DECIDERS
from sharding.rebalance.simulation.fleet import Fleet, SyntheticFleet, Told
from sharding.rebalance.simulation.recorded import RecordedFleet
from sharding.rebalance.simulation.run import Outcome, simulate


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be simulated.

    Attributes:
        recorded: a file of recorded days; else the fleet is made up as told.
    """

    told: Told = field(default_factory=Told)
    policy: Policy = field(default_factory=Policy)
    recorded: Path | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of it, in the order of DECIDERS."""

    outcomes: tuple[Outcome, ...]

    def to_json(self) -> dict[str, object]:
        """By name."""
        return {outcome.name: outcome.to_json() for outcome in self.outcomes}


def compare(asked: Asked, *, tick: Callable[[int, int], None]) -> Comparison:
    """Simulate all three; tick hears after each day how many of how many are over.

    Raises:
        ValueError: it cannot be simulated; the message says what is wrong.
        OSError: the recording cannot be read.
    """
    _check(asked)
    done = 0

    def ticked() -> None:
        nonlocal done
        done += 1
        tick(done, whole)

    fleets = [_fleet(asked) for _ in DECIDERS]
    whole = sum(fleet.days for fleet in fleets)
    return Comparison(
        tuple(
            simulate(decider, fleet, policy=asked.policy, tick=ticked)
            for decider, fleet in zip(DECIDERS, fleets, strict=True)
        )
    )


def _check(asked: Asked) -> None:
    told = asked.told
    if not 2 <= told.shards <= 200:
        raise ValueError(f"--shards is {told.shards}; give 2 to 200.")
    if not 1 <= told.tenants <= 1_000_000:
        raise ValueError(f"--tenants is {told.tenants}; give 1 to 1,000,000.")
    if not 1 <= told.days <= 3_650:
        raise ValueError(f"--days is {told.days}; give 1 to 3,650.")


def _fleet(asked: Asked) -> Fleet:
    if asked.recorded is None:
        return SyntheticFleet(asked.told)
    with asked.recorded.open(newline="", encoding="utf-8") as lines:
        return RecordedFleet(lines)
