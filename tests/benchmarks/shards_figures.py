"""From runs to medians, ratios, goals and tables. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles
from typing import Any, Final

from tests.benchmarks.pages import markdown_table
from tests.benchmarks.shards_cases import (
    ATOLL,
    CASES,
    DOWNS,
    HUNG,
    OTHER,
    STOCK,
    VICTIM,
    Case,
    System,
)
from tests.fixtures.load.figures import LanePhase, Told
from tests.fixtures.two_shards import KINDS, Kind

P99_GOAL: Final = 1.10
FAIL_FAST_GOAL_S: Final = 0.6
SLOWEST_GOAL_S: Final = 1.0
RECOVER_GOAL_S: Final = 2.0
_SERVED_BEFORE: Final = 0.98
_LABELS: Final[dict[Kind, str]] = {"gthread": "gunicorn, gthread", "asgi": "uvicorn"}


@dataclass(frozen=True, slots=True)
class Run:
    """One run: one case, one server, one system."""

    number: int
    case: Case
    kind: Kind
    system: System
    told: Told

    def lane(self, name: str, phase: str) -> LanePhase:
        return self.told.lanes[name][phase]

    @property
    def is_sound(self) -> bool:
        """Whether all but a few were served before anything went wrong; else it was too busy."""
        lanes = [lane for lane in self.told.lanes if lane != HUNG]
        return all(self.told.served(lane, "before") >= _SERVED_BEFORE for lane in lanes)

    @property
    def other_ratio(self) -> float:
        """The other shard's p99 while it lasts, to that before."""
        return self.lane(OTHER, "during").p99_ms / self.lane(OTHER, "before").p99_ms


@dataclass(frozen=True, slots=True)
class Spread:
    """The other shard's p99 of all phases in which nothing was wrong, of one system and server."""

    least_ms: float
    middle_ms: float
    high_ms: float
    """Nine of ten are below it."""
    most_ms: float

    @property
    def share(self) -> float:
        """How far one of ten is from their median: what is noise. The worst would excuse all."""
        return self.high_ms / self.middle_ms


def spread_of(runs: Iterable[Run], kind: Kind, system: System) -> Spread:
    """Over all cases: before, no run differs from another."""
    of_before = [
        run.lane(OTHER, "before").p99_ms
        for run in runs
        if run.kind == kind and run.system == system
    ]
    high = (
        quantiles(of_before, n=10, method="inclusive")[-1] if len(of_before) > 1 else max(of_before)
    )
    return Spread(min(of_before), median(of_before), high, max(of_before))


def as_json(runs: Sequence[Run]) -> dict[str, Any]:
    """The keys that the goals speak of at the top, the worse of the two servers; then each run."""
    ours = [run for run in runs if run.system == ATOLL and run.is_sound]
    return {
        "other_shard_p99_ratio": _of_downs(ours, _ratio),
        "fail_fast_s": _of_downs(ours, _fail_fast),
        "slowest_s": _of_downs(ours, _slowest),
        "recover_s": _of_downs(ours, _recover),
        "runs": [
            {
                "round": run.number + 1,
                "case": run.case.name,
                "server": run.kind,
                "system": run.system.name,
                "sound": run.is_sound,
                **asdict(run.told),
            }
            for run in runs
        ],
    }


def runs_of(raw: Iterable[Mapping[str, Any]]) -> list[Run]:
    """The runs that `as_json` wrote."""
    cases = {case.name: case for case in CASES}
    systems = {system.name: system for system in (ATOLL, STOCK)}
    return [
        Run(one["round"] - 1, cases[one["case"]], one["server"], systems[one["system"]], _told(one))
        for one in raw
    ]


def _told(raw: Mapping[str, Any]) -> Told:
    lanes = {
        lane: {phase: _lane_phase(found) for phase, found in phases.items()}
        for lane, phases in raw["lanes"].items()
    }
    return Told(lanes, raw["slowest_s"], raw["first_503_s"], raw["recovery_s"])


def _lane_phase(raw: Mapping[str, Any]) -> LanePhase:
    # Keys in JSON are text.
    return LanePhase(**{**raw, "statuses": {int(n): many for n, many in raw["statuses"].items()}})


def renewed(earlier: Sequence[Run], runs: Sequence[Run]) -> list[Run]:
    """All runs in their order, where the cases of `runs` take the place of what they were."""
    again = {run.case for run in runs}
    return sorted(
        [*(run for run in earlier if run.case not in again), *runs],
        key=lambda run: (
            run.number, CASES.index(run.case), KINDS.index(run.kind), run.system == STOCK
        ),
    )  # fmt: skip


def _of_downs(
    runs: Sequence[Run], figure: Callable[[Sequence[Run]], float | None]
) -> dict[str, float | None]:
    """By case, the worse of the servers; None: at least one never came to it."""
    found: dict[str, float | None] = {}
    for name in DOWNS:
        of_case = [run for run in runs if run.case.name == name]
        by_kind = [
            figure([run for run in of_case if run.kind == kind])
            for kind in dict.fromkeys(run.kind for run in of_case)
        ]
        if by_kind:
            known = [one for one in by_kind if one is not None]
            found[name] = round(max(known), 3) if len(known) == len(by_kind) else None
    return found


def _ratio(runs: Sequence[Run]) -> float:
    return median(run.other_ratio for run in runs)


def _fail_fast(runs: Sequence[Run]) -> float | None:
    return _worst(run.told.first_503_s[VICTIM] for run in runs)


def _slowest(runs: Sequence[Run]) -> float | None:
    return _worst(run.told.slowest_s[VICTIM] for run in runs)


def _recover(runs: Sequence[Run]) -> float | None:
    return _worst(run.told.recovery_s[VICTIM] for run in runs)


def _worst(seconds: Iterable[float | None]) -> float | None:
    all_of_them = list(seconds)
    known = [one for one in all_of_them if one is not None]
    return max(known) if known and len(known) == len(all_of_them) else None


def tables(runs: Sequence[Run]) -> str:
    """One table per server."""
    kinds = dict.fromkeys(run.kind for run in runs)
    return "\n\n".join(f"### {_LABELS[kind]}\n\n{_table(runs, kind)}" for kind in kinds)


def _table(runs: Sequence[Run], kind: Kind) -> str:
    rows = []
    for case, system in dict.fromkeys((run.case, run.system) for run in runs if run.kind == kind):
        mine = [run for run in runs if (run.case, run.system, run.kind) == (case, system, kind)]
        rows.append(
            [
                f"{case.label}: {system.label}",
                *(
                    f"{median(run.lane(OTHER, phase).p99_ms for run in mine):.0f}"
                    for phase in ("before", "during", "after")
                ),
                f"{_ratio(mine):.2f}",
                _statuses(mine, OTHER),
                _seconds(_fail_fast(mine)),
                _seconds(_slowest(mine)),
                _seconds(_recover(mine)),
                _statuses(mine, VICTIM),
            ]
        )
    header = [
        "", "other shard: p99 before, ms", "during", "after", "during : before", "its answers",
        "own tenants: first 503, s", "slowest, s", "well again after, s", "their answers",
    ]  # fmt: skip
    return markdown_table(header, rows)


def _statuses(runs: Sequence[Run], lane: str) -> str:
    """How many got which status while it lasted, of all rounds together."""
    total: dict[int, int] = {}
    for run in runs:
        for status, number in run.lane(lane, "during").statuses.items():
            total[status] = total.get(status, 0) + number
    return ", ".join(f"{number} × {status or 'none'}" for status, number in sorted(total.items()))


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.2f}"


def goals(runs: Sequence[Run]) -> str:
    """The goals, each with what this run says of it; of own tenants only where a shard is down."""
    rows = []
    for case, kind in dict.fromkeys((run.case, run.kind) for run in runs):
        mine = [run for run in runs if (run.case, run.kind, run.system) == (case, kind, ATOLL)]
        if not mine:
            continue
        own = (
            [
                _within(_fail_fast(mine), FAIL_FAST_GOAL_S),
                _within(_slowest(mine), SLOWEST_GOAL_S),
                _within(_recover(mine), RECOVER_GOAL_S),
            ]
            if case.name in DOWNS
            else ["–"] * 3
        )
        p99 = _p99_word(_ratio(mine), spread_of(runs, kind, ATOLL))
        rows.append([f"{case.label}, {kind}", p99, *own])
    header = [
        "",
        f"other shard's p99 (≤ {P99_GOAL:.2f}, or the spread before)",
        f"first 503 (< {FAIL_FAST_GOAL_S} s)",
        f"slowest (< {SLOWEST_GOAL_S:.0f} s)",
        f"well again (< {RECOVER_GOAL_S:.0f} s)",
    ]
    return markdown_table(header, rows)


def _p99_word(ratio: float, spread: Spread) -> str:
    if ratio <= P99_GOAL:
        return f"{ratio:.2f}: within 10 %"
    if ratio <= spread.share:
        return f"{ratio:.2f}: within the spread, {spread.share:.2f}"
    return f"{ratio:.2f} (missed; spread {spread.share:.2f})"


def _within(value: float | None, goal: float) -> str:
    if value is None:
        return "never (missed)"
    return f"{value:.2f}" if value < goal else f"{value:.2f} (missed)"


def spreads(runs: Sequence[Run]) -> str:
    """What the p99 of the other shard was while nothing was wrong."""
    rows = []
    for kind, system in dict.fromkeys((run.kind, run.system) for run in runs):
        found = spread_of(runs, kind, system)
        rows.append(
            [
                f"{system.label}, {_LABELS[kind]}",
                f"{found.least_ms:.1f}",
                f"{found.middle_ms:.1f}",
                f"{found.high_ms:.1f}",
                f"{found.most_ms:.1f}",
                f"{found.share:.2f}",
            ]
        )
    header = ["", "least, ms", "median, ms", "9 of 10 below, ms", "most, ms", "9 of 10 : median"]
    return markdown_table(header, rows)


def hung(runs: Sequence[Run]) -> str:
    """One tenant with very many heavy statements: what all others got."""
    rows = []
    mine = [run for run in runs if HUNG in run.told.lanes]
    for kind, system in dict.fromkeys((run.kind, run.system) for run in mine):
        of_both = [run for run in mine if (run.kind, run.system) == (kind, system)]
        rows.append(
            [
                f"{system.label}, {_LABELS[kind]}",
                *(
                    f"{median(run.lane(lane, phase).p99_ms for run in of_both):.0f}"
                    for lane in (OTHER, VICTIM)
                    for phase in ("before", "during")
                ),
                _statuses(of_both, OTHER),
                _statuses(of_both, VICTIM),
                _statuses(of_both, HUNG),
            ]
        )
    header = [
        "", "other shard: p99 before, ms", "during", "same shard: p99 before, ms", "during",
        "answers: other shard", "same shard", "that tenant",
    ]  # fmt: skip
    return markdown_table(header, rows) if rows else "Not measured in this run."


def costs(found: Mapping[str, float]) -> str:
    """What deadline and slots add where nothing is wrong."""
    if not found:
        return "Not measured in this run."
    rows = [
        ["a statement on psycopg's own connection", f"{found['statement_us']:.1f}"],
        ["the deadline adds to a statement", f"{found['deadline_us']:.1f}"],
        ["slots of tenant and shard add to a request", f"{found['slots_us']:.1f}"],
    ]
    return markdown_table(["", "µs of CPU"], rows)
