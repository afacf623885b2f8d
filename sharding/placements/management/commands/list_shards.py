"""`list_shards`: every shard with its tenants, size and roles, those that are down included."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sharding.placements.services.listing import ShardLine, list_shards
from sharding.placements.telling import errors_told
from sharding.pools.breaker import BreakerState


class Command(BaseCommand):
    help = (
        "List the shards: tenants, bytes, tenant roles used and borne, state. A shard that is down "
        "is shown as away, within seconds; BREAKERS says what the processes hold of it."
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
        row = "{:<16} {:<21} {:>7} {:>10} {:>12} {:>3} {:<18}  {}"
        if lines:
            head = ("SHARD", "STATE", "TENANTS", "BYTES", "ROLES", "PG", "BREAKERS", "")
            self.stdout.write(row.format(*head).rstrip())
        for line in lines:
            self.stdout.write(_format(row, line).rstrip())


def _format(row: str, line: ShardLine) -> str:
    found = line.survey
    breakers = line.breakers.summary or "-"
    notes = [line.problem, _why(line)]
    if found is None:
        cells = ("-", "-", "-")
    else:
        cells = (_human(found.bytes), f"{found.roles}/{line.role_cap}", str(found.major))
        if found.half_made:
            notes.insert(0, f"half made: {', '.join(found.half_made)}")
    note = "; ".join(filter(None, notes))
    return row.format(line.name, line.state, line.tenants, *cells, breakers, note)


def _why(line: ShardLine) -> str:
    """Why nobody is served from it; nothing while its breakers are closed."""
    if line.hold is not None:
        return f"held since {line.hold.since:%H:%M:%S}: {line.hold.reason}"
    worst = line.breakers.worst
    if worst is None or worst.state is BreakerState.CLOSED:
        return ""
    return f"{worst.state} since {worst.since:%H:%M:%S} in {line.breakers.where}: {worst.reason}"


def _human(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1024:
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} TB"
