"""`check_migrations`: what unreleased migrations would lock or break in a fleet that serves."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError

from migrations_tools.errors import MigrationToolsError
from migrations_tools.safety.errors import UnknownMigration
from migrations_tools.safety.services.check import check_migrations
from migrations_tools.safety.telling import lines_of
from sharding.placements.telling import Exit, ExitCodes, errors_told
from sharding.registry import current as addresses
from sharding.registry.errors import UnknownShard

_CODES: Final[ExitCodes] = {
    MigrationToolsError: Exit.FAILED,
    UnknownMigration: Exit.USAGE,
    UnknownShard: Exit.USAGE,
}


class Command(BaseCommand):
    help = (
        "Run the migrations of tenants' apps in an empty template on one shard, and say what those "
        "that were not released yet (ATOLL_RELEASED_MIGRATIONS) would lock or break in a fleet "
        "that serves its tenants meanwhile, with the recipe that does not. Changes nothing. "
        "Exit status 1 when there is something that no migration accepts."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--shard", default="", help="where to run them; any shard will do")
        parser.add_argument(
            "--app", action="append", default=[], metavar="LABEL", help="only this app; repeatable"
        )
        parser.add_argument("--all", action="store_true", help="look at released ones as well")
        parser.add_argument("--json", action="store_true", help="print an object")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told(_CODES):
            shards = addresses.registry().shards
            name = options["shard"] or min(shards, default="")
            if not name:
                raise CommandError(
                    "The registry names no shard to run them on: `manage.py add_shard` adds one.",
                    returncode=Exit.FAILED,
                )
            report = check_migrations(
                addresses.shard(name), labels=options["app"], everything=options["all"]
            )
        if options["json"]:
            self.stdout.write(json.dumps(asdict(report)["findings"], indent=2))
        else:
            for line in lines_of(report):
                self.stdout.write(line)
        if report.open:
            raise CommandError(
                f"{len(report.open)} things that a fleet in service would feel. Mend them, or say "
                'in the migration why not: atoll_accepts = {"rule": "reason"}.'
            )
