"""`disable_operator`: see `console.services.operators`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from console.edge import errors_told
from console.services.operators import get_operator, set_active
from tenants.edge import add_dry_run


class Command(BaseCommand):
    help = "Close an operator's account at once, with all sessions; --undo opens it again."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the operator's address")
        parser.add_argument("--undo", action="store_true", help="let this operator sign in again")
        add_dry_run(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = options["undo"]
        with errors_told():
            operator = get_operator(options["email"])
            already = operator.is_active == wanted
            if not options["dry_run"]:
                set_active(operator.email, active=wanted)
        verb = "would be" if options["dry_run"] and not already else "is"
        state = "open" if wanted else "closed"
        self.stdout.write(f"{operator.email} {verb} {state}{' already' * already}")
