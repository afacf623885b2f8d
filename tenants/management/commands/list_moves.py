"""`list_moves`: where tenants have gone, and which are on their way."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tenants.edge import add_json, errors_told
from tenants.moving import services
from tenants.moving.telling import list_text


class Command(BaseCommand):
    help = "List moves, the newest first. Asks control only, no shard."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", default="", help="only those of this one (slug or id)")
        parser.add_argument("--live", action="store_true", help="only those that have not ended")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            lines = services.listed(tenant=options["tenant"], live=options["live"])
        if options["json"]:
            self.stdout.write(json.dumps([line.to_json() for line in lines], indent=2))
        else:
            self.stdout.write(list_text(lines) if lines else "No move.")
