"""`moves_doctor`: what moves have left behind, and what to do about it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharding.placements.telling import Exit
from tenants.edge import add_json, errors_told, progress_of
from tenants.moving import doctoring
from tenants.moving.telling import findings_text


class Command(BaseCommand):
    help = (
        "Look for what moves have left behind: moves on which nobody works, copies, fences, armed "
        "guards, sessions, slots, publications, subscriptions, and slots that keep much WAL. "
        "Explains each; exits with 1 when there is something. --fix does what it offers."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--shard", action="append", default=[], help="only this; repeatable")
        parser.add_argument("--fix", action="store_true", help="do what it offers")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            seen = doctoring.examined(options["shard"])
            if options["fix"]:
                seen = doctoring.mended(seen, tell=progress_of(self))
        if options["json"]:
            self.stdout.write(json.dumps(seen.to_json(), indent=2))
        else:
            self.stdout.write(findings_text(seen))
        if count := len(seen.left):
            raise CommandError(f"{count} finding{'s' * (count > 1)}.", returncode=Exit.FAILED)
