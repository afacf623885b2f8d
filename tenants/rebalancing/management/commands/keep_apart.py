"""`keep_apart`: put tenants into a group of which no two are on one shard."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sharding.rebalance.services.wishes import keep_apart
from tenants.edge import add_dry_run, add_json, errors_told
from tenants.services.finding import find_tenant

NO_GROUP = "none"


class Command(BaseCommand):
    help = (
        "Keep tenants of a group on shards of their own, such as those of one customer that shall "
        "not all be down at once. A tenant is in one group at most. Rebalances part those that "
        "share a shard; nobody is moved by this command itself."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("group", help=f"its name; `{NO_GROUP}`: in no group any more")
        parser.add_argument("tenant", nargs="+", help="slugs or ids")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        group = "" if options["group"] == NO_GROUP else options["group"]
        with errors_told():
            # All are found before the first is changed.
            found = [find_tenant(name) for name in options["tenant"]]
            done = [keep_apart(each.id, group, dry_run=options["dry_run"]) for each in found]
        if options["json"]:
            return self.stdout.write(json.dumps([each.to_json() for each in done], indent=2))
        would = "would be" if options["dry_run"] else "is"
        where = f"in group {group}" if group else "in no group"
        for tenant, change in zip(found, done, strict=True):
            was = f"; it was in {change.before}" if change.before not in ("", group) else ""
            already = " already" if change.changes_nothing else ""
            self.stdout.write(f"{tenant.slug} on {change.lives_on} {would} {where}{already}{was}")
        return None
