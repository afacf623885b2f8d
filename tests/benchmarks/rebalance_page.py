"""The page and the raw figures of `make bench-rebalance`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from sharding.rebalance.core.types import GIGABYTE
from sharding.rebalance.simulation.deciding import DECIDERS
from tests.benchmarks import rebalance_sampling
from tests.benchmarks.conditions import Machine
from tests.benchmarks.move_ground import THREADS, WORKERS
from tests.benchmarks.pages import ROOT, markdown_table, publish
from tests.benchmarks.rebalance_live import PARTS, PER_SECOND, TENANTS, Live
from tests.benchmarks.rebalance_sampling import Sampled

PLANS, DAYS, SAMPLING, LIVE = "plans", "days", "sampling", "live"
ALL_PARTS: Final = (PLANS, DAYS, SAMPLING, LIVE)
GREEDY, PLANNER = (each.name for each in DECIDERS[1:])
_NOT_YET: Final = "Not measured."
_GOALS_S: Final = {10_000: 60, 100_000: 900}


@dataclass(frozen=True, slots=True)
class Planned:
    """One plan.

    Attributes:
        seconds, cpu_seconds: median of the rounds, on the clock and of the processor.
        ratio: bytes beside the least for the balance that the plan reaches.
        ratio_to_edge: beside the least that gets all shards to the edge of the band.
        worse_prefixes: moves that nobody ordered after which the highest ratio was higher.
    """

    name: str
    seconds: float
    cpu_seconds: float
    worst: Sequence[float]
    moves: int
    bytes: int
    ratio: float
    ratio_to_edge: float
    worse_prefixes: int


@dataclass(frozen=True, slots=True)
class Lived:
    """Months of one fleet under nobody, a greedy one and the planner.

    Attributes:
        outcomes: by name, what there is to be compared.
        totals, balance: as `simulate_rebalance` tells it.
    """

    outcomes: Mapping[str, Mapping[str, Any]]
    totals: str
    balance: str


@dataclass(frozen=True, slots=True)
class Timed:
    """How long it took to simulate so many tenants: on the clock, and of the processor."""

    tenants: int
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Results:
    """All figures: of this run, and of the run before where this one measured a part.

    Attributes:
        fleet: shards and tenants of the plans.
        lived: by seed.
        machines: by part, as it was when that was measured.
    """

    fleet: tuple[int, int] = (0, 0)
    planned: Sequence[Planned] = ()
    lived: Mapping[int, Lived] = field(default_factory=dict)
    timed: Sequence[Timed] = ()
    sampled: Sampled | None = None
    live: Live | None = None
    machines: Mapping[str, Machine] = field(default_factory=dict)

    @property
    def twice(self) -> int | None:
        """Tenants that the planner moved twice within 7 days, in all simulations."""
        if not self.lived:
            return None
        return sum(one.outcomes[PLANNER]["twice"] for one in self.lived.values())


def report(results: Results, *, quick: bool) -> None:
    """Print and write the page and the raw figures."""
    first = results.planned[0] if results.planned else None
    figures = {
        "plan_s": first and round(first.seconds, 2),
        "bytes_ratio": first and round(first.ratio, 4),
        "moved_twice": results.twice,
        "live": results.live and results.live.to_json(),
        "fleet": results.fleet,
        "plans": [asdict(one) for one in results.planned],
        "simulated": {str(seed): asdict(one) for seed, one in results.lived.items()},
        "simulation_s": [asdict(one) for one in results.timed],
        "sampling": results.sampled and asdict(results.sampled),
        "machines": {part: asdict(machine) for part, machine in results.machines.items()},
    }
    one = results.lived.get(1)
    page = _template("rebalance.md.in").format(
        machine_of_plans=_machine(results, PLANS),
        machine_of_days=_machine(results, DAYS),
        shards=results.fleet[0],
        tenants=f"{results.fleet[1]:,}",
        goals=_goals(results),
        plans=_plans(results.planned) if results.planned else _NOT_YET,
        balance=one.balance if one else _NOT_YET,
        totals="\n\n".join(f"Seed {seed}\n{run.totals}" for seed, run in results.lived.items()),
        sampling=(
            rebalance_sampling.section(results.sampled, _machine(results, SAMPLING))
            if results.sampled
            else _NOT_YET
        ),
        live=_live(results.live, _machine(results, LIVE)) if results.live else _NOT_YET,
    )
    publish("rebalance", page=page.strip(), figures=figures, quick=quick)


def read_last() -> Results:
    """What the last run wrote; nothing where there was none."""
    file = ROOT / ".bench" / "rebalance.json"
    if not file.exists():
        return Results()
    raw = json.loads(file.read_text())
    return Results(
        fleet=tuple(raw["fleet"]),
        planned=[Planned(**one) for one in raw["plans"]],
        lived={int(seed): Lived(**one) for seed, one in raw["simulated"].items()},
        timed=[Timed(**one) for one in raw["simulation_s"]],
        sampled=raw["sampling"] and Sampled(**raw["sampling"]),
        live=raw["live"] and Live.of(raw["live"]),
        machines={part: Machine(**machine) for part, machine in raw["machines"].items()},
    )


def _template(name: str) -> str:
    return Path(__file__).with_name(name).read_text()


def _machine(results: Results, part: str) -> str:
    machine = results.machines.get(part)
    return machine.sentence() if machine is not None else _NOT_YET


def _goals(results: Results) -> str:
    rows: list[list[str]] = []
    if results.planned:
        first = results.planned[0]
        told = f"{first.seconds:.2f} s ({first.cpu_seconds:.2f} s of the processor)"
        rows.append(["a plan", "3 s", told])
        rows.append(["bytes / least for the same balance", "1.1", f"{first.ratio:.3f}"])
    if results.lived:
        peaks = (
            " / ".join(f"{one.outcomes[name]['peak']:.0%}" for name in (PLANNER, GREEDY))
            for one in results.lived.values()
        )
        rows.append(["moved twice within 7 days, 3 seeds", "0", str(results.twice)])
        rows.append(["peak use, planner / greedy, by seed", "lower", ", ".join(peaks)])
    rows += [
        [
            f"{one.tenants:,} tenants for 90 days, three times",
            f"{_GOALS_S[one.tenants]} s",
            f"{one.seconds:.0f} s ({one.cpu_seconds:.0f} s of the processor)",
        ]
        for one in results.timed
    ]
    if results.live:
        rows += _goals_of(results.live)
    return markdown_table(["", "goal, at most", "measured"], rows)


def _goals_of(live: Live) -> list[list[str]]:
    zeros = (
        ("acknowledged writes that are lost", live.lost_writes),
        ("writes or effects that are doubled", live.duplicated_effects),
        ("HTTP errors other than 503", live.client_errors),
        ("HTTP 503", live.http_503),
    )
    beside = f"{live.p99_ratio} ({live.during['p99']} ms / {live.before['p99']} ms)"
    fewer = "" if live.tenants >= TENANTS else f" ({TENANTS} are wanted)"
    return [
        *([f"live: {what}", "0", str(found)] for what, found in zeros),
        ["live: p99 of all tenants, during / before", "-", beside],
        [
            f"live: {live.moved} of {live.tenants} tenants moved in{fewer}",
            "-",
            f"{live.seconds:,.0f} s",
        ],
    ]


def _plans(planned: Sequence[Planned]) -> str:
    rows = [
        [
            one.name,
            f"{one.seconds:.2f}",
            f"{one.cpu_seconds:.2f}",
            " ".join(f"{each:.2f}" for each in one.worst),
            f"{one.moves:,}",
            f"{one.bytes / GIGABYTE:,.0f}",
            f"{one.ratio:.3f}",
            f"{one.ratio_to_edge:.3f}",
            str(one.worse_prefixes),
        ]
        for one in planned
    ]
    header = [
        "fleet", "s", "CPU s", "highest ratios after", "moves", "GB", "/ least",
        "/ least to the edge", "worse prefixes",
    ]  # fmt: skip
    return markdown_table(header, rows)


def _live(live: Live, machine: str) -> str:
    clients = [
        [name, f"{met['requests']:,.0f}", *(_ms(met[part]) for part in PARTS)]
        for name, met in (("before", live.before), ("during", live.during))
    ]
    both = (live.spread_before, live.spread_after)
    spread = [
        [name, *(f"{at[name][0]}, {at[name][1]:,} MB" for at in both)] for name in live.spread_after
    ]
    steps, modes = (_counted(each) for each in (live.steps, live.modes))
    return (
        _template("rebalance_live.md.in")
        .format(
            machine=machine,
            tenants=live.tenants,
            workers=WORKERS,
            threads=THREADS,
            per_second=PER_SECOND,
            add_s=live.add_s,
            moved=live.moved,
            megabytes=live.bytes / 1e6,
            seconds=live.seconds,
            steps=steps,
            modes=modes,
            pauses=", ".join(f"{part} {_ms(value)} ms" for part, value in live.pauses.items()),
            acknowledged=live.acknowledged,
            without_effect=live.without_effect,
            torn=live.torn,
            clients=markdown_table(
                ["all tenants", "HTTP requests", "p50, ms", "p99, ms", "longest, ms"], clients
            ),
            spread=markdown_table(["tenants, bytes", "before", "after"], spread),
        )
        .strip()
    )


def _counted(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(numbers.items())) or "none"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.1f}"
