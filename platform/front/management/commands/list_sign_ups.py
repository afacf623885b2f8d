"""`list_sign_ups`: who is on the way to a workspace, and who is stuck."""

import json
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand

from front.edge import errors_told
from front.services.listing import list_sign_ups
from front.states import SignUpState
from front.types import SignUpLine
from tenants.edge import add_json

_ROW = "{:<36} {:<24} {:<24} {:<12} {:<30} {}"


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ArgumentTypeError(f"{text[:20]!r} is no number of sign-ups.")
    return int(text)


class Command(BaseCommand):
    help = "List the newest sign-ups, with what went wrong. Asks control only, no shard."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--state", default="", choices=[str(state) for state in SignUpState], help="only these"
        )
        parser.add_argument("--limit", type=_count, default=100, help="at most so many (100)")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            lines = list_sign_ups(state=options["state"], most=options["limit"])
        if options["json"]:
            self.stdout.write(json.dumps([line.to_json() for line in lines], indent=2))
            return
        if not lines:
            self.stdout.write("None.")
            return
        self.stdout.write(_ROW.format("ID", "STATE", "SLUG", "TENANT", "ADDRESS", "SINCE"))
        for line in lines:
            self._tell(line)

    def _tell(self, line: SignUpLine) -> None:
        self.stdout.write(
            _ROW.format(
                line.id,
                line.state,
                line.slug,
                line.tenant_id or "-",
                line.email,
                f"{line.changed_at:%Y-%m-%d %H:%M}",
            )
        )
        if line.last_error:
            self.stdout.write(f"    try {line.tries}: {line.last_error}")
        if line.state is SignUpState.FAILED:
            again = f"at {line.try_after:%H:%M} UTC" if line.try_after else "not by itself any more"
            self.stdout.write(f"    again {again}: `manage.py retry_sign_up {line.id}`")
