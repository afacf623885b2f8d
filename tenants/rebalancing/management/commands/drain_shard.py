"""`drain_shard`: have a shard emptied by the next rebalance."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sharding.figures import counted
from sharding.rebalance.services.draining import drain_shard
from tenants.edge import add_dry_run, add_json, errors_told


class Command(BaseCommand):
    help = (
        "Let a shard take nobody any more: no new tenants, and rebalances move away those that are "
        "there. They are served until then; nobody is moved by this command itself."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the shard")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            done = drain_shard(options["name"], dry_run=options["dry_run"])
        if options["json"]:
            self.stdout.write(json.dumps(done.to_json(), indent=2))
            return
        verb = "would take" if options["dry_run"] else "takes"
        already = ", as before" if done.changes_nothing else ""
        self.stdout.write(f"{done.shard} {verb} nobody any more{already}")
        if done.tenants:
            self.stdout.write(
                f"{counted(done.tenants, 'tenant')} on it: `manage.py rebalance_shards --dry-run` "
                "shows who would go where."
            )
