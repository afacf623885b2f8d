"""`list_operators`: see `console.services.operators`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from console.edge import errors_told
from console.services.operators import OperatorLine, list_operators
from tenants.edge import add_json


class Command(BaseCommand):
    help = "Who may sign in to the console, and when they last did."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            lines = list_operators()
        if options["json"]:
            self.stdout.write(json.dumps([line.to_json() for line in lines], indent=2))
            return
        if not lines:
            self.stdout.write("There is no operator: `manage.py create_operator` makes one.")
        for line in lines:
            self.stdout.write(_text(line))


def _text(line: OperatorLine) -> str:
    at = line.last_sign_in
    signed_in = f"last signed in {at:%Y-%m-%d %H:%M} UTC" if at else "never signed in"
    facts = [
        "may sign in" if line.is_active else "closed",
        signed_in,
        f"{line.recovery_codes} recovery codes",
    ]
    return f"{line.email:<32}  {', '.join(facts)}"
