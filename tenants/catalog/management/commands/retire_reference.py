"""`retire_reference`: offer a reference row no longer; with --delete, remove a retired one."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharding.placements.services.reference import Publication
from tenants.catalog.services.retire import (
    find_reference_model,
    find_row_uses,
    remove_retired,
    set_retired,
)
from tenants.edge import add_dry_run, errors_told


class Command(BaseCommand):
    help = (
        "Retire a row of a reference table: it is no longer offered, and stays where it is used. "
        "With --delete, remove a retired row, if no tenant's row on any shard refers to it."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", help="such as catalog.Country")
        parser.add_argument("key", help="such as NO")
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--restore", action="store_true", help="offer it again")
        what.add_argument("--delete", action="store_true", help="remove it everywhere")
        add_dry_run(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        key, dry_run = options["key"], options["dry_run"]
        with errors_told():
            model = find_reference_model(options["model"])
            name = f"{model._meta.label} {key}"
            if options["delete"]:
                done = remove_retired(model, key, dry_run=dry_run)
                said = f"{name} is used by nobody" if dry_run else f"{name} is removed"
            elif dry_run:
                uses = find_row_uses(model, key)
                rows = sum(use.rows for use in uses)
                tenants = len({use.schema for use in uses})
                self.stdout.write(f"{name} is used by {rows} rows of {tenants} tenants.")
                return
            else:
                done = set_retired(model, key, retired=not options["restore"])
                said = f"{name} is {'offered again' if options['restore'] else 'retired'}"
        self.stdout.write(f"{said}.")
        self._tell(done)

    def _tell(self, done: Publication) -> None:
        for outcome in done.problems:
            self.stderr.write(f"{outcome.shard}: {outcome.problem}")
        if done.problems:
            raise CommandError(
                "Not every shard has heard of it yet; beat tells them when they are back, and so "
                "does `manage.py publish_reference`."
            )
