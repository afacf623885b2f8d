"""`seal_shard`: serve nobody from a shard until its server was compared with the directory."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharding.placements.services.incarnations import seal_shard
from sharding.placements.telling import Exit, errors_told, registry_file_to_write


class Command(BaseCommand):
    help = (
        "Before a shard is restored from a backup: have every process refuse its server until "
        "open_restored_shard has compared it with the directory. Its tenants get 503 from now on; "
        "nothing is changed on the server."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the shard")
        parser.add_argument(
            "--confirm", metavar="NAME", default="", help="do not ask: the shard's name"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path = registry_file_to_write()
        name = options["name"]
        if (options["confirm"] or _asked(name)) != name:
            raise CommandError("That is not its name. Nothing was changed.", returncode=Exit.USAGE)
        with errors_told():
            incarnation = seal_shard(name, path)
        self.stdout.write(
            f"{name} is sealed: the registry knows incarnation {incarnation}, and nobody is served "
            f"by an older one.\nWhen its server is back: manage.py open_restored_shard {name} "
            "--dry-run"
        )


def _asked(name: str) -> str:
    try:
        return input(f"All tenants of {name} get 503. Type its name: ")
    except EOFError:
        return ""
