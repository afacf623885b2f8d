"""The page and the raw figures of `make bench-fleet`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final

from tests.benchmarks.conditions import Machine
from tests.benchmarks.fleet_plan import PARTS
from tests.benchmarks.pages import markdown_table, publish

LABELS: Final = {
    "create": "create a tenant: a spare waits",
    "create_from_image": "create a tenant: from the image",
    "noop_per_tenant": "a migration with nothing to do, per tenant",
    "add_column_per_tenant": "a column with an index, per tenant",
    "run_python_per_tenant": "a `RunPython`, per tenant",
    "create_big": "with wagtail and allauth: a spare waits",
    "create_big_from_image": "with wagtail and allauth: from the image",
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
        create: median of twenty more, each of which found a spare schema. This and two others are
            None where they were measured before there were spares.
        create_from_image: and of twenty that found none.
        spare: what making a spare takes in the background, with its pauses.
        noop_deploy: a whole fleet migration with nothing to do, in process.
        add_column: a whole fleet migration that adds a column with an index to every tenant.
        others_p99: of other tenants' requests while nothing else happens.
        others_p99_rise: of it while one tenant a second is created, and a spare for the next.
        others_p99_rise_from_image: and while one a second is made of the image.
        others_p99_rise_in_migration: of it while the column is added.
        drift: one schema's fingerprint.
        catalogue_mb: all tables of pg_catalog with their indexes.
        backend_mb: private memory of the largest backend that has served the watched tenants.
    """

    major: int
    tenants: int
    create: float | None
    create_from_image: float
    spare: float | None
    noop_deploy: float
    add_column: float
    others_p99: float
    others_p99_rise: float | None
    others_p99_rise_from_image: float
    others_p99_rise_in_migration: float
    drift: float
    catalogue_mb: float
    backend_mb: float


@dataclass(frozen=True, slots=True)
class Flat:
    """Creating a tenant at one number of migrations; milliseconds.

    Attributes:
        standard: django-tenants.
        image, spare: Atoll, without and with a spare schema.
    """

    migrations: int
    standard: float
    image: float
    spare: float


@dataclass(frozen=True, slots=True)
class Results:
    """All figures: of this run, and of the run before where this one measured a part.

    Attributes:
        tables: of one tenant, in django-tenants and in Atoll.
        machines: by part, as it was when that was measured.
    """

    beside: Sequence[Beside] = ()
    points: Sequence[Point] = ()
    flat: Sequence[Flat] = ()
    tables: tuple[int, int] = (0, 0)
    machines: Mapping[str, Machine] = field(default_factory=dict)

    def with_beside(
        self,
        rows: Sequence[Beside],
        machine: Machine,
        part: str,
        *,
        tables: tuple[int, int] | None = None,
    ) -> "Results":
        """The same with these rows in the place of those of before."""
        by_name = {one.name: one for one in (*self.beside, *rows)}
        return replace(
            self,
            beside=tuple(by_name[name] for name in LABELS if name in by_name),
            tables=tables or self.tables,
            machines={**self.machines, part: machine},
        )


def report(results: Results, *, quick: bool) -> None:
    """Print and write the page and the raw figures."""
    page = (
        Path(__file__)
        .with_name("fleet.md.in")
        .read_text()
        .format(
            **{f"machine_of_{part}": _machine(results, part) for part in PARTS},
            peer_tables=results.tables[0],
            our_tables=results.tables[1],
            created=beside_table([one for one in results.beside if one.name.startswith("create")]),
            migrated=beside_table(
                [one for one in results.beside if not one.name.startswith("create")]
            ),
            flat=_flat(results.flat),
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
        "flat": [asdict(one) for one in results.flat],
        "tables": results.tables,
        "machines": {part: asdict(machine) for part, machine in results.machines.items()},
    }
    publish("fleet", page=page, figures=raw, quick=quick)


def _machine(results: Results, part: str) -> str:
    machine = results.machines.get(part)
    return machine.sentence() if machine is not None else "Not measured."


def beside_table(rows: Sequence[Beside]) -> str:
    """Both beside each other, each goal beside what was reached."""
    header = ["", "standard, ms", "multiprocessing, ms", "Atoll, ms"]
    header += ["times faster", "goal", "", "than multiprocessing", "goal", ""]
    return markdown_table(
        header,
        [
            [
                LABELS[one.name],
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


def _flat(rows: Sequence[Flat]) -> str:
    return markdown_table(
        ["migrations", "django-tenants", "from the image", "a spare waits"],
        [
            [
                f"{one.migrations:,}",
                _figure(one.standard),
                _figure(one.image),
                _figure(one.spare),
            ]
            for one in rows
        ],
    )


def _curve(points: Sequence[Point]) -> str:
    header = [
        "PostgreSQL, tenants",
        "create, a spare waits",
        "from the image",
        "making a spare",
        "no-op deploy",
        "column, all",
        "column, each",
        "others' p99",
        "rise: creating, and spares",
        "rise: from the image",
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
                _figure_or_none(point.create),
                _figure(point.create_from_image),
                _figure_or_none(point.spare),
                _figure(point.noop_deploy),
                _figure(point.add_column),
                _figure(point.add_column / point.tenants),
                _figure(point.others_p99),
                "" if point.others_p99_rise is None else f"{point.others_p99_rise:+.1f}",
                f"{point.others_p99_rise_from_image:+.1f}",
                f"{point.others_p99_rise_in_migration:+.1f}",
                _figure(point.drift),
                f"{point.catalogue_mb:,.0f}",
                f"{point.backend_mb:,.0f}",
            ]
            for point in points
        ],
    )


def _figure_or_none(number: float | None) -> str:
    return "" if number is None else _figure(number)


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.2g}" if number < 1 else f"{number:.1f}"
