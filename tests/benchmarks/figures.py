"""From rounds to medians, ratios and tables. Pure."""

from collections.abc import Mapping, Sequence
from statistics import median, quantiles

from tests.benchmarks.pages import markdown_table
from tests.benchmarks.systems import SYSTEMS, WORKLOADS, System
from tests.benchmarks.wrk import Measured

Rounds = Mapping[tuple[str, str], Sequence[Measured]]
"""By workload and system: one measurement per round."""


def medians(rounds: Rounds, field: str) -> dict[str, dict[str, float]]:
    """Workload → system → median over the rounds, of the systems of the main table."""
    return _medians(rounds, field, [system for system in SYSTEMS if system.in_main_table])


def other_medians(rounds: Rounds, field: str) -> dict[str, dict[str, float]]:
    """The same of the systems that stand below the main table."""
    return _medians(rounds, field, [system for system in SYSTEMS if not system.in_main_table])


def as_json(rounds: Rounds) -> dict[str, object]:
    """Workloads at the top, as medians in requests per second; everything else beside them."""
    return {
        **medians(rounds, "requests_per_second"),
        **{field: medians(rounds, field) for field in ("p50_ms", "p99_ms")},
        "others": {
            field: other_medians(rounds, field)
            for field in ("requests_per_second", "p50_ms", "p99_ms")
        },
        "rounds": {
            workload.name: {
                system.name: [
                    round(run.requests_per_second, 1) for run in rounds[workload.name, system.name]
                ]
                for system in SYSTEMS
                if (workload.name, system.name) in rounds
            }
            for workload in WORKLOADS
        },
    }


def tables(rounds: Rounds, *, tenants: int) -> str:
    """One table per workload: every system beside plain Django of the same kind."""
    return "\n\n".join(
        f"### {workload.label.format(tenants=tenants)}\n\n" + _table(rounds, workload.name)
        for workload in WORKLOADS
    )


def goals(rounds: Rounds, *, budget: bool) -> str:
    """The goals, each with what this run says of Atoll with its budget of schemas, or without."""
    rows = []
    suffix = "" if budget else "_without_budget"
    for workload in WORKLOADS:
        for name, theirs in (("atoll", "plain"), ("atoll_pool", "plain_pool")):
            ours = name + suffix
            rate = _ratio(rounds, workload.name, (ours, theirs), "requests_per_second")
            late = _ratio(rounds, workload.name, (ours, theirs), "p99_ms")
            against = _ratio(rounds, workload.name, (ours, "django_tenants"), "requests_per_second")
            rows.append(
                [
                    f"{workload.name}, {ours} : {theirs}",
                    f"{rate:.2f}{_mark(rate >= 0.95)}",
                    f"{late:.2f}{_mark(late <= 1.15)}",
                    f"{against:.2f}{_mark(against >= 1.5)}",
                ]
            )
    header = ["", "requests/s (≥ 0.95)", "p99 (≤ 1.15)", "to django-tenants (≥ 1.5)"]
    return markdown_table(header, rows)


def _table(rounds: Rounds, workload: str) -> str:
    rows = []
    for system in SYSTEMS:
        if (workload, system.name) not in rounds:
            continue
        base = "plain_pool" if system.pool else "plain"
        pair = (system.name, base)
        rows.append(
            [
                system.label,
                f"{_median(rounds, workload, system.name, 'requests_per_second'):.0f}",
                _middle_half(rounds, workload, system.name),
                f"{_ratio(rounds, workload, pair, 'requests_per_second'):.2f}",
                f"{_median(rounds, workload, system.name, 'p50_ms'):.1f}",
                f"{_median(rounds, workload, system.name, 'p99_ms'):.1f}",
                f"{_ratio(rounds, workload, pair, 'p99_ms'):.2f}",
            ]
        )
    header = ["system", "requests/s", "middle half", "to plain", "p50, ms", "p99, ms", "to plain"]
    return markdown_table(header, rows)


def _medians(rounds: Rounds, field: str, chosen: list[System]) -> dict[str, dict[str, float]]:
    return {
        workload.name: {
            system.name: round(_median(rounds, workload.name, system.name, field), 2)
            for system in chosen
            if (workload.name, system.name) in rounds
        }
        for workload in WORKLOADS
    }


def _median(rounds: Rounds, workload: str, system: str, field: str) -> float:
    return median(getattr(run, field) for run in rounds[workload, system])


def _middle_half(rounds: Rounds, workload: str, system: str) -> str:
    """Where half of the rounds lie: what the machine's own unrest makes of one system."""
    rates = [run.requests_per_second for run in rounds[workload, system]]
    low, _, high = quantiles(rates, n=4, method="inclusive")
    return f"{low:.0f} to {high:.0f}"


def _ratio(rounds: Rounds, workload: str, pair: tuple[str, str], field: str) -> float:
    ours, theirs = (_median(rounds, workload, system, field) for system in pair)
    return ours / theirs


def _mark(reached: bool) -> str:
    return "" if reached else " (missed)"
