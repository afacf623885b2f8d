"""`remove_shard`: forget a shard that is empty."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sharding.figures import counted
from sharding.placements.telling import registry_file_to_write
from sharding.rebalance.services.removing import Removal, remove_shard
from tenants.edge import add_dry_run, add_json, errors_told


class Command(BaseCommand):
    help = (
        "Forget a shard that drains and is empty: its address in the registry, and its row. Of one "
        "that is not empty it says what is still there, and changes nothing. Its server and "
        "database are not touched. Safe to run again after it was cut off."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the shard")
        parser.add_argument(
            "--although-away",
            action="store_true",
            help="its server does not answer and will not come back; control says that it is empty",
        )
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        path = registry_file_to_write()
        with errors_told():
            done = remove_shard(
                options["name"],
                registry_path=path,
                although_away=options["although_away"],
                dry_run=options["dry_run"],
            )
        if options["json"]:
            self.stdout.write(json.dumps(done.to_json(), indent=2))
        else:
            self.stdout.write(_text(done, "would be" if options["dry_run"] else "is"))


def _text(done: Removal, verb: str) -> str:
    where = f" at {done.address}" if done.address else ""
    return (
        f"{done.shard}{where} {verb} no shard any more; made ahead there for nobody: "
        f"{counted(done.roles, 'role')}.\n"
        f"End its workers (queue shard.{done.shard}), bring the registry file to the other "
        "machines; then its server may go."
    )
