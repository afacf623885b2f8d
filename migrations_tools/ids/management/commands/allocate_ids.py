"""`allocate_ids`: give ids to content types and permissions in control, and publish them."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from migrations_tools.ids.services.allocate import Allocation, allocate_known
from sharding.placements.telling import errors_told


class Command(BaseCommand):
    help = (
        "Give ids to the content types and permissions of all models that tenants have, as "
        "`migrate` does at its end, and bring them to every shard. What libraries make in the "
        "middle of their migrations `build_image` finds. Safe to run again."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="print what would get ids")
        parser.add_argument("--json", action="store_true", help="print a JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            done = allocate_known(dry_run=options["dry_run"])
        if options["json"]:
            self.stdout.write(json.dumps(asdict(done), indent=2))
        else:
            self._show(done, dry_run=options["dry_run"])
        problems = done.publication.problems if done.publication is not None else ()
        for outcome in problems:
            self.stderr.write(f"{outcome.shard}: {outcome.problem}")
        if problems:
            raise CommandError(
                "Not every shard has heard of the new ids yet; beat tells them when they are back, "
                "and so does `manage.py publish_reference`."
            )

    def _show(self, done: Allocation, *, dry_run: bool) -> None:
        for name in (*done.content_types, *done.permissions):
            self.stdout.write(name)
        for name in done.moved:
            self.stdout.write(f"{name} means another model from now on")
        if done.recalled:
            self.stdout.write(
                f"{done.recalled} content types were known to shards and not to control; they keep "
                "their ids."
            )
        types, permissions = len(done.content_types), len(done.permissions)
        if done.is_empty:
            self.stdout.write("All content types and permissions have ids.")
        elif dry_run:
            self.stdout.write(
                f"{types} content types and {permissions} permissions would get ids. Nothing was "
                "changed."
            )
        else:
            self.stdout.write(f"{types} content types and {permissions} permissions got ids.")
