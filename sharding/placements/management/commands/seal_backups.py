"""`seal_backups`: have every backup of a shard that was made so far start sealed."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sharding.placements.services.incarnations import seal_backups
from sharding.placements.telling import errors_told, registry_file_to_write


class Command(BaseCommand):
    help = (
        "After a backup of a shard: have every backup of it that was made so far start sealed when "
        "it is restored, whatever is forgotten then, until open_restored_shard has compared it. "
        "Nobody is refused; processes make new connections."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the shard")
        parser.add_argument("--dry-run", action="store_true", help="ask the server, change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        path = registry_file_to_write()
        name, dry_run = options["name"], options["dry_run"]
        with errors_told():
            done = seal_backups(name, path, dry_run=dry_run)
        if dry_run:
            self.stdout.write(
                f"{name} is of incarnation {done.before} and would be of {done.incarnation}: every "
                f"backup of it would start sealed. Tenants on it, served all the time: "
                f"{done.tenants}. Nothing was changed."
            )
            return
        self.stdout.write(
            f"{name} is of incarnation {done.incarnation} now, and every backup of it is of an "
            "older one. Bring the registry file to every machine."
        )
