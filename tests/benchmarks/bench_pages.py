"""`make bench-pages`: pages that must stay fast, among very many rows.

BENCH_QUICK=1 for a hint with a tenth of the rows.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import psycopg

from tests.benchmarks.conditions import Machine, this_machine
from tests.benchmarks.ground import SHARD, Ground, ground
from tests.benchmarks.pages import markdown_table, publish
from tests.benchmarks.systems import SYSTEMS
from tests.fixtures.web_servers import ROOT, environment_of

_ATOLL = next(system for system in SYSTEMS if system.name == "atoll")
_SETTINGS = "config.settings.prod"
TICKETS = 100_000
TENANTS = 10_000
_ROUNDS = 100
LIST_GOAL_MS = 50
LIST_GOAL_QUERIES = 8
CONSOLE_GOAL_MS = 100

Pages = dict[str, dict[str, float]]


def main() -> None:
    quick = os.environ.get("BENCH_QUICK", "") not in ("", "0")
    share = 10 if quick else 1
    with ground(tenants=1) as made:
        machine = this_machine(PostgreSQL=str(made.stack.major))
        folder = str(made.stack.folder)
        rows = (str(TICKETS // share), str(TENANTS // share))
        _run(made, "tests.benchmarks.page_rows", folder, SHARD, *rows)
        # Pages of production name static files by what is in them.
        _run(made, "django", "collectstatic", "--noinput", "--verbosity=0")
        made.settle()
        with psycopg.connect(made.stack.admin_conninfo("control"), autocommit=True) as admin:
            admin.execute("VACUUM ANALYZE")
        measured = json.loads(_run(made, "tests.benchmarks.page_times", str(_ROUNDS // share)))
    report(measured["list"], measured["console"], machine, quick=quick)


def report(tickets: Pages, console: Pages, machine: Machine, *, quick: bool) -> None:
    """Print and write the page and the raw figures; each figure is its slowest page's."""
    figures = {
        "ticket_list_ms": max(page["p50_ms"] for page in tickets.values()),
        "ticket_list_queries": max(page["queries"] for page in tickets.values()),
        "console_search_ms": max(page["p50_ms"] for page in console.values()),
    }
    page = (
        Path(__file__)
        .with_name("pages.md.in")
        .read_text()
        .format(
            machine=machine.sentence(),
            goals=_goals(figures),
            tickets=_table("list of tickets", tickets),
            console=_table("search for tenants", console),
            number_of_tickets=f"{TICKETS:,}",
            number_of_tenants=f"{TENANTS:,}",
            rounds=_ROUNDS,
        )
        .strip()
    )
    raw = {**figures, "tickets": tickets, "console": console, "machine": asdict(machine)}
    publish("pages", page=page, figures=raw, quick=quick)


def _run(made: Ground, module: str, *arguments: str) -> bytes:
    environment = environment_of(
        {
            **made.environment(_ATOLL, settings=_SETTINGS),
            "ATOLL_STATIC_ROOT": str(made.folder / "static"),
            "ATOLL_FILES_ROOT": str(made.folder / "files"),
        }
    )
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )
    return done.stdout


def _table(heading: str, pages: Pages) -> str:
    rows = [
        [
            label,
            f"{page['best_ms']:.1f}",
            f"{page['p50_ms']:.1f}",
            f"{page['p95_ms']:.1f}",
            f"{page['queries']:.0f}",
        ]
        for label, page in pages.items()
    ]
    return markdown_table(
        [heading, "best, ms", "median, ms", "95th percentile, ms", "queries"], rows
    )


def _goals(figures: dict[str, float]) -> str:
    rows = [
        ["list of tickets, ms", f"{LIST_GOAL_MS}", f"{figures['ticket_list_ms']:.1f}"],
        ["list of tickets, queries", f"{LIST_GOAL_QUERIES}", f"{figures['ticket_list_queries']}"],
        ["search for tenants, ms", f"{CONSOLE_GOAL_MS}", f"{figures['console_search_ms']:.1f}"],
    ]
    return markdown_table(["the slowest of each", "at most", "this run"], rows)


if __name__ == "__main__":
    main()
