"""Run Django's own suite on both backends and say what is new. `make test-django`."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import django

from tests.django_suite.comparison import Comparison, compare, labels_of
from tests.django_suite.errors import SuiteError
from tests.django_suite.excuses import EXCUSED, read_excuses
from tests.django_suite.running import ROOT, Run, keep, remembered, run_suite, stock_name
from tests.django_suite.servers import SuiteServer, suite_server
from tests.django_suite.source import all_labels, fetched_tests
from tests.django_suite.types import QUICK_LABELS, Results

CACHE: Final = ROOT / ".django_suite"
REPEATED_AT_MOST: Final = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """0: nothing new. 1: new failures, or excuses too many. 2: the suite could not be run."""
    options = _parser().parse_args(arguments)
    # So that the servers are stopped: by itself, Python ends at once.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    labels = tuple(options.labels) or (QUICK_LABELS if options.quick else ())
    try:
        return _run(options, labels)
    except SuiteError as error:
        _tell(f"{error}")
        return 2


def _run(options: argparse.Namespace, labels: Sequence[str]) -> int:
    version = django.get_version()
    tests = fetched_tests(version, CACHE)

    def run(backend: str, server: SuiteServer, labels: Sequence[str]) -> Results:
        _tell(f"Django {version}'s tests on the {backend} backend, {server.title}")
        log = CACHE / "logs" / f"{backend}-{server.major}-{time.time_ns()}.log"
        results = run_suite(
            Run(backend, tests, server.settings, labels, options.parallel, log), _tell
        )
        # Beside the log, for whoever wants to look closer.
        keep(log.with_suffix(".json"), results)
        return results

    # A server of its own for each: what one run leaves behind is no part of the other.
    with suite_server(options.server) as server:
        labels = _startable(labels, tests, server)
        path = (
            CACHE
            / "stock"
            / stock_name(tests=tests, server=server.version, build=server.build, labels=labels)
        )
        if options.recompute:
            path.unlink(missing_ok=True)
        stock = remembered(path, lambda: run("stock", server, labels))
    with suite_server(options.server) as server:
        server.make_shard()
        ours = run("ours", server, labels)
        excuses = read_excuses(
            EXCUSED, django=".".join(version.split(".")[:2]), server=server.major
        )
        comparison = compare(stock, ours, excuses)
        again = labels_of(comparison.new)
        if 0 < len(again) <= REPEATED_AT_MOST:
            # A test of time fails on a busy machine; what is broken fails alone too.
            _tell(f"Once more, by themselves: {', '.join(again)}")
            ours = {**ours, **run("ours", server, again)}
            comparison = compare(stock, ours, excuses)
    _report(comparison, stock, ours)
    return 0 if comparison.is_clean else 1


def _startable(labels: Sequence[str], tests: Path, server: SuiteServer) -> Sequence[str]:
    """`labels` where all of them can start on this server; for the whole suite, those that can."""
    if labels or not server.left_out:
        return labels
    _tell(f"Left out, since {server.title} cannot have their tables: {', '.join(server.left_out)}")
    return [label for label in all_labels(tests) if label not in server.left_out]


def _report(comparison: Comparison, stock: Results, ours: Results) -> None:
    for test, reason in sorted(comparison.excused.items()):
        _tell(f"excused: {test}\n    {reason}")
    for difference in comparison.new:
        what = difference.what.strip().replace("\n", "\n    ")
        _tell(f"NEW: {difference.test}\n    {what}")
    for test in comparison.stale:
        _tell(f"EXCUSE TOO MANY: {test} is well; take it out of {EXCUSED.relative_to(ROOT)}")
    _tell(
        f"{len(ours)} ended on ours, {len(stock)} on stock: {len(comparison.new)} new, "
        f"{len(comparison.excused)} excused, {len(comparison.stale)} excuses too many, "
        f"{comparison.failed_in_both} failed on both"
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.django_suite", description=__doc__)
    parser.add_argument("labels", nargs="*", help="parts of the suite; default: all but GIS")
    parser.add_argument("--quick", action="store_true", help="what CI runs")
    parser.add_argument(
        "--server",
        choices=("system", "wheel", "auto"),
        default="auto",
        help="whose PostgreSQL: the system's 15 or newer, the wheel's, or (auto) the system's "
        "where there is one: it has ICU and contrib, without which much of the suite cannot start",
    )
    parser.add_argument("--parallel", type=int, default=min(os.cpu_count() or 1, 4))
    parser.add_argument(
        "--recompute",
        action="store_true",
        help="run the stock backend even if its results are known",
    )
    return parser


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
