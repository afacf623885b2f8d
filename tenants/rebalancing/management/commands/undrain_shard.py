"""`undrain_shard`: let a shard that was drained take tenants again."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sharding.rebalance.services.draining import undrain_shard
from tenants.edge import add_dry_run, add_json, errors_told


class Command(BaseCommand):
    help = "Let a shard that was drained take tenants again."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the shard")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            done = undrain_shard(options["name"], dry_run=options["dry_run"])
        if options["json"]:
            self.stdout.write(json.dumps(done.to_json(), indent=2))
            return
        verb = "would take" if options["dry_run"] else "takes"
        already = ", as before" if done.changes_nothing else ""
        self.stdout.write(f"{done.shard} {verb} tenants again{already}")
