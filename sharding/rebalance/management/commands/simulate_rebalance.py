"""`simulate_rebalance`: months of a fleet in a minute, under the planner and beside it."""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharding.placements.telling import Exit, errors_told
from sharding.rebalance.conf import rebalance_settings
from sharding.rebalance.simulation.comparing import Asked, Comparison, compare
from sharding.rebalance.simulation.fleet import Told
from sharding.rebalance.simulation.recorded import RecordingError
from sharding.rebalance.simulation.telling import balance_table, bar, totals_table


class Command(BaseCommand):
    help = (
        "Simulate months of a fleet: how even its shards stay and what is moved for that, under "
        "the planner with the settings of this installation, under a greedy one, and when nobody "
        "moves anything. Touches no database."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        told = Told()
        parser.add_argument(
            "--shards", type=int, default=told.shards, help="2 to 200 (default: %(default)s)"
        )
        parser.add_argument(
            "--tenants", type=int, default=told.tenants, help="at first (default: %(default)s)"
        )
        parser.add_argument("--days", type=int, default=told.days, help="(default: %(default)s)")
        parser.add_argument("--seed", type=int, default=told.seed, help="(default: %(default)s)")
        parser.add_argument(
            "--recorded",
            type=Path,
            metavar="FILE",
            help="a CSV file of day, tenant, shard, bytes, load instead of made-up tenants",
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            policy = rebalance_settings().policy()
        asked = Asked(
            Told(options["shards"], options["tenants"], options["days"], options["seed"]),
            policy,
            options["recorded"],
        )
        try:
            found = compare(asked, tick=self._tick)
        except (ValueError, OSError) as error:
            where = f"{asked.recorded}: " if isinstance(error, RecordingError) else ""
            raise CommandError(f"{where}{error}", returncode=Exit.USAGE) from error
        finally:
            if sys.stderr.isatty():
                self.stderr.write("")
        self.stdout.write(json.dumps(found.to_json(), indent=2) if options["json"] else told(found))

    def _tick(self, done: int, whole: int) -> None:
        if sys.stderr.isatty():
            self.stderr.write(f"\r{bar(done, whole)}", ending="")
            self.stderr.flush()


def told(found: Comparison) -> str:
    """Both tables."""
    return f"{balance_table(found.outcomes)}\n\n{totals_table(found.outcomes)}"
