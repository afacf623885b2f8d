"""`reset_operator_factor`: see `console.services.factors`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from console.edge import add_recovery_codes, errors_told, tell_factor
from console.services.factors import reset_factor
from console.services.operators import get_operator
from tenants.edge import add_dry_run, add_json


class Command(BaseCommand):
    help = (
        "Give an operator who has lost the device another second factor, and print its secret "
        "once. The old one, recovery codes and sessions are void."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email", help="the operator's address")
        parser.add_argument("--password", action="store_true", help="make up a new password too")
        add_recovery_codes(parser)
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            if options["dry_run"]:
                email = get_operator(options["email"]).email
                self.stdout.write(f"{email} would get a new second factor")
                return
            device, password = reset_factor(options["email"], new_password=options["password"])
        self.stderr.write(f"{device.user.email} has a new second factor.", self.style.SUCCESS)
        tell_factor(self.stdout, device, options, password=password)
