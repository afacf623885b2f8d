"""`move_tenant`: take a tenant, with its traffic, to another shard."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any, Final

from django.core.management.base import BaseCommand

from sharding.moves.core.steps import Mode
from sharding.moves.types import MoveRequest
from sharding.placements.telling import Exit
from tenants.edge import add_dry_run, add_json, errors_told, progress_of
from tenants.moving import arguments, services
from tenants.moving.command import interruptible
from tenants.moving.telling import plan_text, receipt_text, rehearsal_text

_PLAIN: Final = MoveRequest("", "")


class Command(BaseCommand):
    help = (
        "Take a tenant to another shard while it works. Its writes pause for a moment. Up to the "
        "switch everything is taken back when something fails; after it, it is finished."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="its slug or id")
        parser.add_argument("--to", required=True, metavar="SHARD", help="where it will live")
        parser.add_argument(
            "--max-pause",
            type=arguments.pause,
            default=_PLAIN.max_pause,
            metavar="MS",
            help="writes pause for so long at most; longer, and it is taken back and tried again "
            f"(default: {_PLAIN.max_pause / timedelta(milliseconds=1):g})",
        )
        parser.add_argument(
            "--max-drain",
            type=arguments.drain,
            default=_PLAIN.max_drain,
            metavar="SECONDS",
            help="so long may requests that are under way take to end; longer, and it is put off "
            f"(default: {_PLAIN.max_drain.total_seconds():g})",
        )
        parser.add_argument(
            "--attempts",
            type=arguments.attempts,
            default=_PLAIN.attempts,
            help="how often the pause is tried (default: %(default)s)",
        )
        parser.add_argument(
            "--rehearse",
            action="store_true",
            help="do all but the pause, tell how long that would be, and throw the copy away",
        )
        parser.add_argument(
            "--mode",
            choices=["auto", *Mode],
            default="auto",
            help="how its rows get there (default: auto, by size, writes and --max-pause)",
        )
        soak = parser.add_mutually_exclusive_group()
        soak.add_argument(
            "--soak",
            type=arguments.soak,
            default=_PLAIN.soak,
            metavar="HOURS",
            help="in logical mode: so long can it go back without a loss "
            f"(default: {_PLAIN.soak / timedelta(hours=1):g})",
        )
        soak.add_argument(
            "--no-soak", action="store_true", help="keep no way back; block mode never has one"
        )
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        wish = services.Wish(
            options["tenant"],
            options["to"],
            max_pause=options["max_pause"],
            max_drain=options["max_drain"],
            attempts=options["attempts"],
            mode=None if options["mode"] == "auto" else Mode(options["mode"]),
            soak=timedelta(0) if options["no_soak"] else options["soak"],
        )
        with errors_told(), interruptible(options["tenant"]):
            if options["dry_run"]:
                plan = services.plan(wish)
                told, text = plan.to_json(), plan_text(plan, options["tenant"])
            elif options["rehearse"]:
                rehearsal = services.rehearse(wish, tell=progress_of(self))
                told, text = rehearsal.to_json(), rehearsal_text(rehearsal)
            else:
                receipt = services.move(wish, tell=progress_of(self))
                told, text = receipt.to_json(), receipt_text(receipt)
        self.stdout.write(json.dumps(told, indent=2) if options["json"] else text)
        if told.get("refusals"):
            raise SystemExit(Exit.FAILED)
