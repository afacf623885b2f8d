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

    def handle(self, *args: Any, **options: Any) -> None:
        path = registry_file_to_write()
        name = options["name"]
        with errors_told():
            incarnation = seal_backups(name, path)
        self.stdout.write(
            f"{name} is of incarnation {incarnation} now, and every backup of it is of an older "
            "one. Bring the registry file to every machine."
        )
