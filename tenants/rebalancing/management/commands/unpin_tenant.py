"""`unpin_tenant`: let a tenant be on any shard again."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sharding.rebalance.services.wishes import unpin_tenant
from tenants.edge import add_dry_run, add_json, errors_told
from tenants.services.finding import find_tenant


class Command(BaseCommand):
    help = "Take a tenant's pin away: rebalances may move it again."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="its slug or id")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            found = find_tenant(options["tenant"])
            done = unpin_tenant(found.id, dry_run=options["dry_run"])
        if options["json"]:
            return self.stdout.write(json.dumps(done.to_json(), indent=2))
        if done.changes_nothing:
            return self.stdout.write(f"{found.slug} was pinned nowhere")
        would = "would be" if options["dry_run"] else "is"
        labels = ", ".join(done.labels_before)
        where = f"shards with {labels}" if labels else done.before
        return self.stdout.write(f"{found.slug} {would} pinned to {where} no longer")
