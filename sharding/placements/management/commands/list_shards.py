"""`list_shards`: every shard with its tenants, size and roles, those that are down included."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sharding.placements.services.listing import ShardLine, list_shards
from sharding.placements.telling import errors_told


class Command(BaseCommand):
    help = (
        "List the shards: tenants, bytes, tenant roles used and borne, state. A shard that is down "
        "is shown as away, within seconds."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("shard", nargs="*", help="only these")
        parser.add_argument("--json", action="store_true", help="print a JSON array")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            lines = list_shards(options["shard"])
        if options["json"]:
            self.stdout.write(json.dumps([line.to_json() for line in lines], indent=2))
            return
        if not lines:
            self.stdout.write("No shard yet: add one with `manage.py add_shard`.")
        row = "{:<16} {:<21} {:>7} {:>10} {:>12} {:>3}  {}"
        if lines:
            self.stdout.write(row.format("SHARD", "STATE", "TENANTS", "BYTES", "ROLES", "PG", ""))
        for line in lines:
            self.stdout.write(_format(row, line).rstrip())


def _format(row: str, line: ShardLine) -> str:
    found = line.survey
    if found is None:
        return row.format(line.name, line.state, line.tenants, "-", "-", "-", line.problem)
    note = f"half made: {', '.join(found.half_made)}" if found.half_made else line.problem
    roles = f"{found.roles}/{line.role_cap}"
    return row.format(
        line.name, line.state, line.tenants, _human(found.bytes), roles, found.major, note
    )


def _human(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"
