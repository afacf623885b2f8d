"""`shard_report`: what is on each shard, and what weighs most."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sharding.rebalance.services.reporting import report_shards
from tenants.edge import add_json, errors_told
from tenants.rebalancing.telling import report_text


class Command(BaseCommand):
    help = (
        "Show of each shard how much of its capacity and of its fair share is used in bytes, load "
        "and tenants, which tenants weigh most, and what a rebalance would do with it. Load is "
        "how many statements are under way at a time, smoothed over a day or a week."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("shard", nargs="*", help="only these")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            reports = report_shards(options["shard"])
        if options["json"]:
            self.stdout.write(json.dumps([each.to_json() for each in reports], indent=2))
        else:
            self.stdout.write("\n\n".join(report_text(each) for each in reports))
