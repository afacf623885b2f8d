"""`rollback_move`: take a tenant back to where it came from."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand

from tenants.edge import add_json, errors_told
from tenants.moving import services
from tenants.moving.telling import receipt_text


class Command(BaseCommand):
    help = (
        "Take a tenant whose move soaks back to the shard that it came from, with all that it has "
        "written since. It pauses as on the way there. The way is open in the other direction "
        "then: the same command goes it, `finish_move` ends it."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("move", help="its number, or slug or id of a tenant: the newest of it")
        parser.add_argument(
            "--max-pause",
            type=int,
            metavar="MS",
            help="writes pause for so long at most (default: as on the way there)",
        )
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        asked = options["max_pause"]
        longest = None if asked is None else timedelta(milliseconds=asked)
        with errors_told():
            receipt = services.roll_back(options["move"], max_pause=longest, tell=self._progress)
        told, text = receipt.to_json(), receipt_text(receipt)
        self.stdout.write(json.dumps(told, indent=2) if options["json"] else text)

    def _progress(self, line: str) -> None:
        self.stderr.write(line, self.style.HTTP_INFO)
