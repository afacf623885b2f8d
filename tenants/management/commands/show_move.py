"""`show_move`: one move and what happened in it."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tenants.edge import add_json, errors_told
from tenants.moving import services
from tenants.moving.telling import details_text


class Command(BaseCommand):
    help = "Show one move: how far it is, what it owes on which shard, and what happened when."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("move", help="its number, or slug or id of a tenant: the newest of it")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            details = services.shown(options["move"])
        told = details.to_json()
        self.stdout.write(json.dumps(told, indent=2) if options["json"] else details_text(details))
