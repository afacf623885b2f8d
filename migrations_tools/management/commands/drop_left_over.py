"""`drop_left_over`: drop what belongs to no tenant."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from migrations_tools.drift.services.left_over import Found, drop_left_over, find_left_over
from migrations_tools.errors import MigrationToolsError
from sharding.placements.telling import Exit, errors_told


class Command(BaseCommand):
    help = (
        "Drop a schema, a tenant's role or a template that belongs to nobody, as check_drift has "
        "found it. What belongs to a tenant is refused. There is no way back."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("shard", help="where it is")
        parser.add_argument("name", help="of the schema, role or template")
        parser.add_argument("--confirm", metavar="NAME", default="", help="do not ask: its name")
        parser.add_argument("--dry-run", action="store_true", help="say what it is, drop nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told({MigrationToolsError: Exit.FAILED}):
            found = find_left_over(options["shard"], options["name"])
            self.stderr.write(_told(found))
            if options["dry_run"]:
                self.stdout.write("Nothing was dropped.")
                return
            typed = options["confirm"] or _asked()
            if typed != found.name:
                raise CommandError(
                    f"{typed!r} is not {found.name!r}. Nothing was dropped.", returncode=Exit.USAGE
                )
            drop_left_over(found)
        self.stdout.write(f"Dropped the {found.what} {found.name} on {found.shard}.")


def _asked() -> str:
    try:
        return input("Type its name to drop it for good: ")
    except EOFError:
        raise CommandError(
            "Nobody is there to be asked: give --confirm NAME. Nothing was dropped.",
            returncode=Exit.USAGE,
        ) from None


def _told(found: Found) -> str:
    said = f"{found.name} on {found.shard} is a {found.what} that belongs to nobody"
    if found.home:
        said = f"{found.name} on {found.shard} is a copy; its tenant lives on {found.home}"
    return said + (", with its role." if found.has_role else ".")
