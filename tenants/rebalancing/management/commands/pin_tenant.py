"""`pin_tenant`: let a tenant be on one shard, or on shards with labels, and nowhere else."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sharding.rebalance.services.wishes import pin_tenant
from tenants.edge import add_dry_run, add_json, errors_told
from tenants.services.finding import find_tenant


class Command(BaseCommand):
    help = (
        "Pin a tenant to the shard where it is, to another one, or to shards with labels: "
        "rebalances leave it there, or bring it there. A new pin takes the place of the one before "
        "it. Nobody is moved by this command itself."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="its slug or id")
        where = parser.add_mutually_exclusive_group()
        where.add_argument("--to", default="", metavar="SHARD", help="default: where it is")
        where.add_argument(
            "--label",
            action="append",
            default=[],
            metavar="NAME",
            help="instead: any shard that has it (`set_shard_capacity --labels`); each given",
        )
        parser.add_argument("--reason", default="", help="kept in the audit")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            found = find_tenant(options["tenant"])
            done = pin_tenant(
                found.id,
                to=options["to"],
                labels=options["label"],
                reason=options["reason"],
                dry_run=options["dry_run"],
            )
        if options["json"]:
            return self.stdout.write(json.dumps(done.to_json(), indent=2))
        would = "would be" if options["dry_run"] else "is"
        already = " already" if done.changes_nothing else ""
        where = f"shards with {', '.join(done.labels)}" if done.labels else done.after
        self.stdout.write(f"{found.slug} {would} pinned to {where}{already}")
        if not done.stays:
            self.stdout.write(
                f"It lives on {done.lives_on}; `manage.py rebalance_shards` brings it there."
            )
        return None
