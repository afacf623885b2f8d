"""`publish_reference`: bring control's reference tables to every shard."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharding.placements.services.reference import Publication, publish_reference
from sharding.placements.telling import errors_told


class Command(BaseCommand):
    help = (
        "Bring control's reference tables, as they are now, to every shard. A shard that is away "
        "is reported; then the exit status is 1, and it gets the newest later. Safe to run again."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--shard", action="append", default=[], help="repeatable")
        parser.add_argument(
            "--number-anew",
            action="store_true",
            help="go on above the shards' numbers, after control was restored from a backup",
        )
        parser.add_argument("--dry-run", action="store_true", help="print what would change")
        parser.add_argument("--json", action="store_true", help="print a JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            done = publish_reference(
                shards=options["shard"],
                dry_run=options["dry_run"],
                number_anew=options["number_anew"],
            )
        if options["json"]:
            self.stdout.write(json.dumps(asdict(done), indent=2))
        else:
            self._show(done, dry_run=options["dry_run"])
        if done.problems and not options["dry_run"]:
            raise CommandError(
                f"{len(done.problems)} of {len(done.shards)} shards do not have snapshot "
                f"{done.version}. When the cause is gone: manage.py publish_reference"
            )

    def _show(self, done: Publication, *, dry_run: bool) -> None:
        if not done.version and not done.is_new:
            self.stdout.write("There are no reference tables in control.")
        for one in done.changes:
            self.stdout.write(
                f"{one.name}: {one.rows} rows; {one.added} added, {one.changed} changed, "
                f"{one.removed} removed{', columns or keys altered' if one.altered else ''}"
            )
        if dry_run:
            new = "A new snapshot would be taken." if done.is_new else "Control has not changed."
            self.stdout.write(f"{new} Nothing was changed.")
        elif done.version:
            self.stdout.write(f"Snapshot {done.version}{' is new' if done.is_new else ''}.")
        for outcome in done.shards:
            has = "-" if outcome.after is None else str(outcome.after)
            if outcome.before != outcome.after:
                has = f"{outcome.before} → {has}"
            self.stdout.write(f"{outcome.shard:<16} {has:>9}  {outcome.problem}".rstrip())
