"""`show_tenant`: everything that control knows of one tenant."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tenants.edge import add_json, errors_told
from tenants.services.listing import show_tenant


class Command(BaseCommand):
    help = "Show one tenant: hosts, shard, state, epoch, how far its making is, who holds it."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="its slug or id")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            told = show_tenant(options["tenant"]).to_json()
        if options["json"]:
            self.stdout.write(json.dumps(told, indent=2))
            return
        for name, value in told.items():
            text = ", ".join(value) if isinstance(value, list) else str(value)
            self.stdout.write(f"{name.replace('_', ' '):<16} {text or '-'}")
