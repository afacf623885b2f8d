"""The page and the raw figures of `make bench-fleet`."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.conditions import Machine
from tests.benchmarks.pages import ROOT, markdown_table, publish

_LABELS = {
    "create": "create a tenant",
    "noop_per_tenant": "a migration with nothing to do, per tenant",
    "add_column_per_tenant": "a column with an index, per tenant",
    "run_python_per_tenant": "a `RunPython`, per tenant",
    "create_big": "create a tenant with wagtail and allauth",
}


@dataclass(frozen=True, slots=True)
class Beside:
    """One thing that both do, in milliseconds.

    Attributes:
        standard: django-tenants with its standard executor.
        processes: with its multiprocessing executor; None where executors play no part.
        goal: how many times faster than `standard` Atoll is to be.
        goal_of_processes: and than `processes`; None where nothing was set.
    """

    name: str
    standard: float
    processes: float | None
    atoll: float
    goal: float
    goal_of_processes: float | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """Atoll alone at one number of tenants; milliseconds, and mebibytes where it says so.

    Attributes:
        create: median of twenty more.
        noop_deploy: a whole fleet migration with nothing to do, in process.
        add_column: a whole fleet migration that adds a column with an index to every tenant.
        others_p99: of other tenants' requests while nothing else happens.
        others_p99_rise: of it while one tenant a second is created.
        others_p99_rise_in_migration: of it while the column is added.
        drift: one schema's fingerprint.
        catalogue_mb: all tables of pg_catalog with their indexes.
        backend_mb: private memory of the largest backend that has served the watched tenants.
    """

    major: int
    tenants: int
    create: float
    noop_deploy: float
    add_column: float
    others_p99: float
    others_p99_rise: float
    others_p99_rise_in_migration: float
    drift: float
    catalogue_mb: float
    backend_mb: float


@dataclass(frozen=True, slots=True)
class Results:
    """All figures of a run.

    Attributes:
        tables: of one tenant, in django-tenants and in Atoll.
        machine: as it was when both were measured beside each other.
        machine_of_points: as it was when Atoll's points were measured.
    """

    beside: Sequence[Beside]
    points: Sequence[Point]
    tables: tuple[int, int]
    machine: Machine
    machine_of_points: Machine


def report(results: Results, *, quick: bool) -> None:
    """Print and write the page and the raw figures."""
    page = (
        Path(__file__)
        .with_name("fleet.md.in")
        .read_text()
        .format(
            machine=results.machine.sentence(),
            machine_of_points=results.machine_of_points.sentence(),
            peer_tables=results.tables[0],
            our_tables=results.tables[1],
            beside=beside_table(results.beside),
            curve=_curve(results.points),
        )
        .strip()
    )
    raw = {
        **{
            one.name: {
                "django_tenants": one.standard,
                "django_tenants_multiprocessing": one.processes,
                "atoll": one.atoll,
                "goal": one.goal,
                "goal_multiprocessing": one.goal_of_processes,
            }
            for one in results.beside
        },
        "curve": [asdict(point) for point in results.points],
        "tables": results.tables,
        "machine": asdict(results.machine),
        "machine_of_curve": asdict(results.machine_of_points),
    }
    publish("fleet", page=page, figures=raw, quick=quick)


def read_last() -> Results:
    """What the last run wrote.

    Raises:
        FileNotFoundError: there was none.
    """
    raw = json.loads((ROOT / ".bench" / "fleet.json").read_text())
    return Results(
        beside=[
            Beside(
                name,
                raw[name]["django_tenants"],
                raw[name]["django_tenants_multiprocessing"],
                raw[name]["atoll"],
                raw[name]["goal"],
                raw[name].get("goal_multiprocessing"),
            )
            for name in _LABELS
            if name in raw
        ],
        points=[Point(**point) for point in raw["curve"]],
        tables=tuple(raw["tables"]),
        machine=Machine(**raw["machine"]),
        machine_of_points=Machine(**raw["machine_of_curve"]),
    )


def beside_table(rows: Sequence[Beside]) -> str:
    """Both beside each other, each goal beside what was reached."""
    header = ["", "standard, ms", "multiprocessing, ms", "Atoll, ms"]
    header += ["times faster", "goal", "", "than multiprocessing", "goal", ""]
    return markdown_table(
        header,
        [
            [
                _LABELS[one.name],
                _figure(one.standard),
                "" if one.processes is None else _figure(one.processes),
                _figure(one.atoll),
                *_judged(one.standard, one.atoll, one.goal),
                *_judged(one.processes, one.atoll, one.goal_of_processes),
            ]
            for one in rows
        ],
    )


def _judged(theirs: float | None, ours: float, goal: float | None) -> tuple[str, str, str]:
    """How many times faster, the goal, and whether it was missed."""
    if theirs is None:
        return "", "", ""
    times = theirs / ours
    if goal is None:
        return f"{times:,.1f}", "", ""
    return f"{times:,.1f}", f"{goal:g}", "" if times >= goal else "missed"


def _curve(points: Sequence[Point]) -> str:
    header = [
        "PostgreSQL, tenants",
        "create",
        "no-op deploy",
        "column, all",
        "column, each",
        "others' p99",
        "rise: creating",
        "rise: column",
        "drift of one",
        "catalogue, MiB",
        "backend, MiB",
    ]
    return markdown_table(
        header,
        [
            [
                f"{point.major}, {point.tenants:,}",
                _figure(point.create),
                _figure(point.noop_deploy),
                _figure(point.add_column),
                _figure(point.add_column / point.tenants),
                _figure(point.others_p99),
                f"{point.others_p99_rise:+.1f}",
                f"{point.others_p99_rise_in_migration:+.1f}",
                _figure(point.drift),
                f"{point.catalogue_mb:,.0f}",
                f"{point.backend_mb:,.0f}",
            ]
            for point in points
        ],
    )


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.2g}" if number < 1 else f"{number:.1f}"
