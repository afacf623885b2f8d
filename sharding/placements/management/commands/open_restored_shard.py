"""`open_restored_shard`: compare a restored shard with the placements, and let it serve."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharding.placements.services.restored import (
    Fate,
    Reopening,
    open_restored_shard,
    plan_reopening,
)
from sharding.placements.telling import Exit, errors_told


class Command(BaseCommand):
    help = (
        "After a shard was sealed and its server restored: seal the copies of tenants that live "
        "elsewhere or were deleted since, and let the others be served. Exits with 1 when tenants "
        "have no good copy there; the others are served all the same."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the shard")
        parser.add_argument("--dry-run", action="store_true", help="compare, change nothing")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run = options["dry_run"]
        with errors_told():
            if dry_run:
                done = plan_reopening(options["name"])
            else:
                done = open_restored_shard(options["name"], tell=self.stderr.write)
        if options["json"]:
            self.stdout.write(json.dumps(done.to_json(), indent=2))
        else:
            self._tell(done, dry_run=dry_run)
        if lost := done.of(Fate.LOST):
            raise CommandError(
                f"{len(lost)} tenants have no good copy on {done.shard}: restore each from an "
                "archive (docs/how-to/back-up-and-restore.md).",
                returncode=Exit.FAILED,
            )

    def _tell(self, done: Reopening, *, dry_run: bool) -> None:
        for verdict in done.verdicts:
            if verdict.fate is not Fate.SERVES:
                self.stdout.write(f"{verdict.fate:<8} {verdict.schema}  {verdict.why}")
        counts = ", ".join(f"{len(done.of(fate))} {fate}" for fate in Fate)
        self.stdout.write(f"{done.shard}: {counts}.")
        if not done.sealed:
            self.stdout.write("It was not sealed: its server has the registry's incarnation.")
        elif dry_run:
            self.stdout.write("Nothing was changed; it is sealed.")
        else:
            self.stdout.write(f"It serves again, as incarnation {done.wanted}.")
