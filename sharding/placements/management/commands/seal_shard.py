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
        parser.add_argument(
            "--dry-run", action="store_true", help="print who would get 503, change nothing"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path = registry_file_to_write()
        name, dry_run = options["name"], options["dry_run"]
        if not dry_run and (options["confirm"] or _asked(name)) != name:
            raise CommandError("That is not its name. Nothing was changed.", returncode=Exit.USAGE)
        with errors_told():
            done = seal_shard(name, path, dry_run=dry_run)
        if dry_run:
            self.stdout.write(
                f"{name} would be sealed: the registry knows incarnation {done.before} and would "
                f"know {done.incarnation}. Tenants that would get 503: {done.tenants}. Nothing was "
                "changed."
            )
            return
        self.stdout.write(
            f"{name} is sealed: the registry knows incarnation {done.incarnation}, and nobody is "
            f"served by an older one.\nWhen its server is back: manage.py open_restored_shard "
            f"{name} --dry-run"
        )


def _asked(name: str) -> str:
    try:
        return input(f"All tenants of {name} get 503. Type its name: ")
    except EOFError:
        return ""
