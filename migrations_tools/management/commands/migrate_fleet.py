"""`migrate_fleet`: control, what the shards share, then every tenant's schema, in waves."""

from argparse import ArgumentParser
from dataclasses import replace
from typing import Any

from django.core.management.base import CommandError

from migrations_tools.fleet.command import FleetCommand, errors_told
from migrations_tools.fleet.planning import read_waves
from migrations_tools.fleet.requests import FleetRequest
from migrations_tools.fleet.types import Shares
from migrations_tools.services.fleet import resumable
from sharding.placements.telling import Exit

_AGAIN = "manage.py migrate_fleet --resume"
_A_DAY_S = 24 * 3600
_WHOM = ("tenant", "shard", "canary", "skip_suspended", "keep_soaks")


class Command(FleetCommand):
    help = (
        "Bring control, the shards' reference tables and every tenant's schema to the state of the "
        "code: a canary first, then in waves, shards at once. One that fails stops nothing, within "
        "the error budget. Safe to run again: what is done is left alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_selection(parser)
        self.add_pace(parser)
        parser.add_argument(
            "--plan", action="store_true", help="print what would be done, and how; change nothing"
        )
        parser.add_argument(
            "--canary",
            action="append",
            default=[],
            metavar="TENANT",
            help="tenant id that goes first, alone; repeatable. By default one of each group",
        )
        parser.add_argument("--no-canary", action="store_true", help="begin with the first wave")
        parser.add_argument("--waves", help="shares of the fleet; by default 1%%,10%%,100%%")
        parser.add_argument("--pause", type=float, metavar="SECONDS", help="between two waves")
        parser.add_argument(
            "--error-budget",
            metavar="N",
            help="stop when more schemas fail: a number (10, the default) or a share (2%%)",
        )
        parser.add_argument(
            "--skip-suspended",
            action="store_true",
            help="leave suspended tenants as they are; their outboxes need the code's tables",
        )
        parser.add_argument(
            "--keep-soaks",
            action="store_true",
            help="leave tenants whose move soaks for later; by default their way back is given up",
        )
        parser.add_argument(
            "--resume",
            action="store_true",
            help="go on with the run that stopped, as it was asked; waves, pause, error budget and "
            "--per-shard may be given anew",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            request = self._request(options)
        planned = options["plan"] or options["dry_run"]
        report = self.run_or_preview(request, options)
        self.show(report, as_json=options["json"], planned=planned)
        if not planned:
            self.end(report, lambda: _AGAIN)

    def _request(self, options: dict[str, Any]) -> FleetRequest:
        if options["canary"] and options["no_canary"]:
            raise CommandError(
                "--canary and --no-canary say the opposite of each other.", returncode=Exit.USAGE
            )
        if options["resume"]:
            return self._paced(self._resumed(options), options)
        whole = FleetRequest(
            tenants=tuple(options["tenant"]),
            shards=tuple(options["shard"]),
            shares=Shares(canaries=tuple(options["canary"])),
            skip_suspended=options["skip_suspended"],
            keep_soaks=options["keep_soaks"],
        )
        return self._paced(whole, options)

    def _resumed(self, options: dict[str, Any]) -> FleetRequest:
        if any(options[name] for name in _WHOM):
            raise CommandError(
                "--resume goes on with whom the last run was asked for: without --tenant, "
                "--shard, --canary, --skip-suspended and --keep-soaks.",
                returncode=Exit.USAGE,
            )
        return resumable()

    def _paced(self, request: FleetRequest, options: dict[str, Any]) -> FleetRequest:
        """The request, as fast and as careful as the options say, where they say so."""
        pause = request.pause_s if options["pause"] is None else options["pause"]
        if not 0 <= pause <= _A_DAY_S:
            raise CommandError(f"--pause takes 0 to {_A_DAY_S} seconds.", returncode=Exit.USAGE)
        shares = request.shares
        if options["waves"] is not None:
            shares = replace(shares, percents=read_waves(options["waves"]))
        if options["no_canary"]:
            shares = replace(shares, canary=False, canaries=())
        budget = options["error_budget"]
        return replace(
            request,
            shares=shares,
            lanes=self.lanes(options, request.lanes),
            budget=request.budget if budget is None else budget,
            pause_s=pause,
        )
