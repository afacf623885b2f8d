"""`release_shard`: let a shard that is held serve again."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sharding.placements.services.holding import release_shard
from sharding.placements.telling import errors_told


class Command(BaseCommand):
    help = (
        "Let a shard that hold_shard keeps closed serve again. Each process asks it first, and "
        "sends its tenants there when it has answered twice."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the shard")
        parser.add_argument("--dry-run", action="store_true", help="print what would change")
        parser.add_argument("--json", action="store_true", help="print a JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            done = release_shard(options["name"], dry_run=options["dry_run"])
        if options["json"]:
            self.stdout.write(json.dumps(done.to_json(), indent=2))
        elif done.before is None:
            self.stdout.write(f"{done.shard} is not held. Nothing was changed.")
        else:
            verb = "would be" if options["dry_run"] else "is"
            self.stdout.write(
                f"{done.shard} {verb} released; it was held since "
                f"{done.before.since:%Y-%m-%d %H:%M:%S %Z}: {done.before.reason}"
            )
