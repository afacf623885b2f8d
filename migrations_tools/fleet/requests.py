"""What somebody asked a fleet migration for, and what they get back."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from migrations_tools.fleet.journal import StepEnd
from migrations_tools.fleet.routes import Route
from migrations_tools.fleet.states import RunState, Standing, StepState
from migrations_tools.fleet.types import FleetPlan, GroupKey, Shares
from migrations_tools.safety.types import SafetyReport


@dataclass(frozen=True, slots=True)
class FleetRequest:
    """The options of a fleet migration.

    Attributes:
        tenants, shards: only these; all when empty.
        shares: how the fleet is cut into waves.
        lanes: connections per shard.
        budget: how many schemas may fail, as `10` or `2%`.
        pause_s: between waves.
        skip_suspended: leave suspended tenants' schemas as they are.
        keep_soaks: leave those whose move soaks for later: migrated, they could not go back.
        moved: tenants that have left these shards since it was first asked for; these as well.
        record_from: a group of so many schemas is worth a template.
    """

    tenants: tuple[str, ...] = ()
    shards: tuple[str, ...] = ()
    shares: Shares = field(default_factory=Shares)
    lanes: int = 2
    budget: str = "10"
    pause_s: float = 0.0
    skip_suspended: bool = False
    record_from: int = 4
    keep_soaks: bool = False
    moved: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For the journal."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "FleetRequest":
        """What to_json wrote. Whoever adds an option reads it with a default: old runs lack it."""
        shares = told["shares"]
        return cls(
            tenants=tuple(told["tenants"]),
            shards=tuple(told["shards"]),
            shares=Shares(
                percents=tuple(shares["percents"]),
                canary=shares["canary"],
                canaries=tuple(shares["canaries"]),
            ),
            lanes=told["lanes"],
            budget=told["budget"],
            pause_s=told["pause_s"],
            skip_suspended=told["skip_suspended"],
            record_from=told["record_from"],
            keep_soaks=told.get("keep_soaks", False),
            moved=tuple(told.get("moved", ())),
        )


@dataclass(frozen=True, slots=True)
class FleetReport:
    """What a fleet migration did, or would do.

    Attributes:
        run: its number in the journal; None when there was nothing to do, or nothing was done.
        control: migrations of control that were applied, or would be.
        published: the number of the snapshot of reference tables that the shards got; 0: none.
        routes: what each group lacked.
        safety: of each group's migrations, where a plan was asked for.
        soaks: moves of tenants that would be migrated, which then cannot go back any more.
        ends: what became of each schema that was to be migrated.
        stopped: why it ended before its end.
        seconds: from start to end, on the wall clock.
    """

    plan: FleetPlan
    run: int | None = None
    control: tuple[str, ...] = ()
    published: int = 0
    routes: Mapping[GroupKey, Route] = field(default_factory=dict)
    safety: Mapping[GroupKey, SafetyReport] = field(default_factory=dict)
    soaks: Mapping[str, int] = field(default_factory=dict)
    ends: Mapping[str, StepEnd] = field(default_factory=dict)
    stopped: str = ""
    seconds: float = 0.0

    def count(self, state: StepState) -> int:
        """How many schemas ended so."""
        return Counter(end.state for end in self.ends.values())[state]

    @property
    def left_behind(self) -> int:
        """How many schemas serve, or will in a moment, and lack migrations or could not say."""
        waiting = self.plan.counts()[Standing.WAITING]
        return waiting + self.plan.behind - self.count(StepState.DONE)

    @property
    def state(self) -> RunState:
        """How it ended."""
        if self.stopped:
            return RunState.PAUSED
        if self.count(StepState.FAILED) or self.plan.counts()[Standing.WRONG]:
            return RunState.FAILED
        return RunState.PAUSED if self.left_behind else RunState.DONE
