"""`hold_shard`: keep a shard's breakers open in every process, for maintenance."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sharding.placements.services.holding import hold_shard
from sharding.placements.telling import errors_told


class Command(BaseCommand):
    help = (
        "For maintenance: have every process refuse a shard at once, as if it were down, until "
        "release_shard. Its tenants get 503; the server is not touched, and migrations, backups "
        "and other work of its owner go on."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the shard")
        parser.add_argument("--reason", required=True, help="shown to operators, kept in the audit")
        parser.add_argument("--dry-run", action="store_true", help="print what would change")
        parser.add_argument("--json", action="store_true", help="print a JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            done = hold_shard(options["name"], reason=options["reason"], dry_run=options["dry_run"])
        if options["json"]:
            self.stdout.write(json.dumps(done.to_json(), indent=2))
            return
        assert done.after is not None
        verb = "would be" if options["dry_run"] else "is"
        already = "" if done.is_changed else " already"
        self.stdout.write(
            f"{done.shard} {verb} held{already}: {done.after.reason} "
            f"(since {done.after.since:%Y-%m-%d %H:%M:%S %Z})"
        )
        if options["dry_run"]:
            self.stdout.write("Nothing was changed.")
            return
        self.stdout.write(
            f"Processes that live: {done.processes}. They hear of it with their next heartbeat; "
            "`manage.py list_shards` shows who has.\n"
            f"When it is done: manage.py release_shard {done.shard}"
        )
