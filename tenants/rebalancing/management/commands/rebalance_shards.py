"""`rebalance_shards`: move tenants so that shards are even, or empty where they drain."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharding.placements.telling import Exit
from sharding.rebalance.services import job
from sharding.rebalance.services.capacity import bytes_typed
from sharding.rebalance.services.planning import look
from sharding.rebalance.services.shown import show
from tenants.edge import add_dry_run, add_json, errors_told
from tenants.rebalancing import asking
from tenants.rebalancing.following import follow
from tenants.rebalancing.telling import plan_text, status_text

_STEERS = {"pause": asking.pause, "resume": asking.resume, "stop": asking.stop}


class Command(BaseCommand):
    help = (
        "Plan which tenants to move so that no shard has much more than its fair share, and empty "
        "those that drain; then move them, some at a time, by workers of the queue `control`. One "
        "rebalance at a time. It goes on when workers die, and when this command is ended."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        steer = parser.add_mutually_exclusive_group()
        steer.add_argument("--status", action="store_true", help="show the newest one")
        steer.add_argument("--pause", action="store_true", help="begin no more moves for now")
        steer.add_argument("--resume", action="store_true", help="go on after --pause")
        steer.add_argument("--stop", action="store_true", help="end it after the current moves")
        steer.add_argument("--propose", action="store_true", help="wait for a yes in the console")
        steer.add_argument("--here", action="store_true", help="move in this process, no worker")
        parser.add_argument("--yes", action="store_true", help="do not ask whether to begin")
        parser.add_argument("--no-wait", action="store_true", help="do not follow it to its end")
        parser.add_argument("--max-moves", type=int, metavar="N", help="plan so many at most")
        parser.add_argument("--max-bytes", metavar="SIZE", help="plan so much at most: 50GB")
        parser.add_argument("--all", action="store_true", help="print every line of the plan")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            steered = [name for name in ("status", *_STEERS) if options[name]]
            if steered:
                found = _STEERS[steered[0]]() if steered[0] in _STEERS else show()
                return self._tell(options, found.to_json(), status_text(found))
            asked = _asked(options)
            made = look(asked)
            text = plan_text(made, most=10**9 if options["all"] else 40)
            if options["dry_run"] or not made.plan.steps:
                return self._tell(options, made.to_json(), text)
            if not options["yes"] and not options["propose"]:
                self.stderr.write(text)
                _confirm(made.plan.summary.moves)
            row = job.propose(made, asked)
            if options["propose"]:
                return self._tell(options, show(row.pk).to_json(), f"rebalance {row.pk} waits")
            asking.approve(row.pk, plan_id=made.plan.id)
            if not options["no_wait"]:
                follow(row.pk, here=options["here"], tell=self.stderr.write)
            done = show(row.pk)
        return self._tell(options, done.to_json(), status_text(done))

    def _tell(self, options: dict[str, Any], data: dict[str, Any], text: str) -> None:
        self.stdout.write(json.dumps(data, indent=2) if options["json"] else text)


def _asked(options: dict[str, Any]) -> dict[str, Any]:
    moves, size = options["max_moves"], options["max_bytes"]
    if moves is not None and moves < 1:
        raise CommandError("--max-moves wants 1 or more.", returncode=Exit.USAGE)
    return {"max_moves": moves, "max_bytes": bytes_typed(size) if size else None}


def _confirm(moves: int) -> None:
    if not sys.stdin.isatty():
        raise CommandError("Say --yes to begin, or --dry-run to look.", returncode=Exit.USAGE)
    if input(f"Type {moves} to begin these moves: ").strip() != str(moves):
        raise CommandError("Nothing was begun.", returncode=Exit.USAGE)
