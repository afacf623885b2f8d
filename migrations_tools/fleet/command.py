"""What `migrate_fleet` and `migrate_schemas` have in common."""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from migrations_tools.errors import MigrationToolsError
from migrations_tools.fleet.errors import (
    CanaryUnfit,
    FleetPaused,
    InvalidBudget,
    InvalidWaves,
    UnknownSchemas,
)
from migrations_tools.fleet.rendering import plan_json, plan_lines, report_json, report_lines
from migrations_tools.fleet.requests import FleetReport, FleetRequest
from migrations_tools.fleet.states import RunState, Standing, StepState
from migrations_tools.services.fleet import migrate_fleet, preview
from sharding.placements import telling
from sharding.placements.telling import Exit, ExitCodes, terminated_as_interrupted
from sharding.pools.outages import as_sentence

_CODES: Final[ExitCodes] = {
    MigrationToolsError: Exit.FAILED,
    FleetPaused: Exit.PAUSED,
    CanaryUnfit: Exit.USAGE,
    InvalidBudget: Exit.USAGE,
    InvalidWaves: Exit.USAGE,
    UnknownSchemas: Exit.USAGE,
}
LANES: Final = 2
MOST_LANES: Final = 16


class FleetCommand(BaseCommand):
    """A command about all tenants' schemas."""

    requires_system_checks: list[str] = []

    def add_selection(self, parser: ArgumentParser) -> None:
        """The options that say whom it is about."""
        parser.add_argument("--tenant", action="append", default=[], help="tenant id; repeatable")
        parser.add_argument("--shard", action="append", default=[], help="repeatable")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def add_pace(self, parser: ArgumentParser) -> None:
        """The options that say how fast."""
        parser.add_argument("--dry-run", action="store_true", help="print whom it would take")
        parser.add_argument(
            "--per-shard",
            type=int,
            metavar="N",
            help=f"connections per shard, 1 to {MOST_LANES}; by default {LANES}",
        )

    def lanes(self, options: Mapping[str, Any], default: int = LANES) -> int:
        """How many connections per shard were asked for."""
        lanes: int = default if options["per_shard"] is None else options["per_shard"]
        if not 1 <= lanes <= MOST_LANES:
            raise CommandError(
                f"--per-shard takes 1 to {MOST_LANES}, not {lanes}: a shard has few cores, and its "
                "tenants want them too.",
                returncode=Exit.USAGE,
            )
        return lanes

    def run_or_preview(self, request: FleetRequest, options: Mapping[str, Any]) -> FleetReport:
        """Do it, or with --dry-run or --plan say what would be done."""
        with errors_told():
            if options["dry_run"] or options.get("plan"):
                return preview(request, record=bool(options.get("plan")), tell=self.tell)
            # Each lane finishes the schema that it is at.
            with terminated_as_interrupted():
                return migrate_fleet(request, tell=self.tell)

    def show(self, report: FleetReport, *, as_json: bool, planned: bool) -> None:
        """Print a plan or a report."""
        if as_json:
            told = plan_json(report) if planned else report_json(report)
            self.stdout.write(json.dumps(told, indent=2))
            return
        for line in plan_lines(report) if planned else report_lines(report):
            self.stdout.write(line)

    def end(self, report: FleetReport, again: Callable[[], str]) -> None:
        """End with the status of the report.

        Raises:
            CommandError: not every schema that serves has the state of the code.
        """
        if report.state is RunState.DONE:
            return
        total = len(report.plan.members)
        if report.stopped:
            raise CommandError(
                f"Stopped: {as_sentence(report.stopped)} What is migrated stays so, and no schema "
                f"is half done. Mend the cause, then: {again()}",
                returncode=Exit.PAUSED,
            )
        if failed := report.count(StepState.FAILED):
            raise CommandError(
                f"{failed} of {total} schemas failed. Mend the cause, then: {again()}",
                returncode=Exit.FAILED,
            )
        if wrong := report.plan.counts()[Standing.WRONG]:
            raise CommandError(
                f"{wrong} of {total} schemas are not as control says (above); `manage.py "
                "check_drift` tells more.",
                returncode=Exit.FAILED,
            )
        raise CommandError(
            f"{report.left_behind} of {total} schemas are left behind, and their tenants are "
            f"served. When what is in their way is gone: {again()}",
            returncode=Exit.PAUSED,
        )

    def tell(self, line: str) -> None:
        """Progress goes to stderr."""
        self.stderr.write(line)


def errors_told() -> AbstractContextManager[None]:
    """Turn what the services raise into CommandError; see `sharding.placements.telling`."""
    return telling.errors_told(_CODES)
