"""`list_shards`: every shard with its tenants, size and roles, those that are down included."""

import json
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any, Final

from django.core.management.base import BaseCommand

from sharding.figures import bar, size_in_words
from sharding.placements.services.listing import ShardLine, list_shards
from sharding.placements.telling import errors_told
from sharding.pools.breaker import BreakerState

_COLUMNS: Final = {
    "SHARD": "{:<16} ",
    "STATE": "{:<21} ",
    "TENANTS": "{:>7} ",
    "FULL": "{:<15} ",
    "BYTES": "{:>10} ",
    "ROLES": "{:>12} ",
    "SPARES": "{:>6} ",
    "PG": "{:>3} ",
    "OPEN": "{:>5} ",
    "IDLE": "{:>5} ",
    "WAITING": "{:>7} ",
    "GIVEN UP": "{:>8} ",
    "BREAKERS": "{:<18} ",
    "": " {}",
}


class Command(BaseCommand):
    help = (
        "List the shards: tenants, how full each is in what it has most of, bytes, tenant roles "
        "used and borne, spare schemas, state; connections that the pools of all processes hold, "
        "how many are idle, threads that wait for one, and how often one got none or no answer. A "
        "shard that is down is shown as away, within seconds; BREAKERS says what the processes "
        "hold of it."
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
        row = "".join(_COLUMNS.values())
        if lines:
            self.stdout.write(row.format(*_COLUMNS).rstrip())
        for line in lines:
            self.stdout.write(row.format(*_cells(line)).rstrip())


def _cells(line: ShardLine) -> Iterator[object]:
    yield from (line.name, _state(line), line.tenants, bar(max(line.full.values(), default=0.0)))
    found = line.survey
    if found is None:
        yield from "----"
    else:
        roles = f"{found.roles}/{line.role_cap}"
        yield from (size_in_words(found.bytes), roles, found.spares, found.major)
    yield from (line.pools[name] for name in ("open", "idle", "waiting", "given_up"))
    yield line.breakers.summary or "-"
    yield "; ".join(_notes(line))


def _notes(line: ShardLine) -> Iterator[str]:
    """What is not as it should be, and why."""
    half_made = line.survey.half_made if line.survey else ()
    for said, schemas in (
        ("switched here by a move, not open yet", line.not_opened),
        ("half made", half_made),
        ("kept closed by a move", line.copies),
    ):
        if schemas:
            yield f"{said}: {', '.join(schemas)}"
    yield from filter(None, (line.problem, _why(line)))


def _state(line: ShardLine) -> str:
    """What it is good for; where it answers and serves nobody, that, whatever control says."""
    if line.survey is None or not line.problem:
        return line.state
    return "in recovery" if line.survey.in_recovery else "sealed"


def _why(line: ShardLine) -> str:
    """Why nobody is served from it; nothing while its breakers are closed."""
    if line.hold is not None:
        return f"held since {line.hold.since:%H:%M:%S}: {line.hold.reason}"
    worst = line.breakers.worst
    if worst is None or worst.state is BreakerState.CLOSED:
        return ""
    return f"{worst.state} since {worst.since:%H:%M:%S} in {line.breakers.where}: {worst.reason}"
