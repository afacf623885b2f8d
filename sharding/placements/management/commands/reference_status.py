"""`reference_status`: which snapshot of the reference tables each shard has."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sharding.placements.services.reference import reference_status
from sharding.placements.services.reference_snapshots import newest_snapshot
from sharding.placements.telling import errors_told


class Command(BaseCommand):
    help = (
        "Show which snapshot of the reference tables each shard has, those that are away included."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("shard", nargs="*", help="only these")
        parser.add_argument("--json", action="store_true", help="print a JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            shards = reference_status(options["shard"])
            newest = newest_snapshot()
        version = newest.version if newest is not None else 0
        if options["json"]:
            lines = [
                {"shard": one.shard, "version": one.after, "problem": one.problem} for one in shards
            ]
            self.stdout.write(json.dumps({"newest": version, "shards": lines}, indent=2))
            return
        tables = ", ".join(part.table.name for part in newest.tables) if newest else "none"
        self.stdout.write(f"Newest snapshot: {version} ({tables})")
        for one in shards:
            has = "-" if one.after is None else str(one.after)
            self.stdout.write(f"{one.shard:<16} {has:>9}  {one.problem}".rstrip())
