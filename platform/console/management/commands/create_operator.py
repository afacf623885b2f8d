"""`create_operator`: see `console.services.operators`."""

import getpass
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from console.edge import add_recovery_codes, errors_told, tell_factor
from console.services.operators import check_new_operator, create_operator, make_up_password
from sharding.placements.telling import Exit
from tenants.edge import add_dry_run, add_json

PASSWORD_VARIABLE = "ATOLL_OPERATOR_PASSWORD"


class Command(BaseCommand):
    help = (
        "Make an operator, who signs in to the console, and print the secret of the second factor "
        "once."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--email", default="", help="asked for when it is not given")
        parser.add_argument("--name", default="", help="what people call this operator")
        parser.add_argument(
            "--password",
            default="",
            help=f"better: the variable {PASSWORD_VARIABLE}, or type it; else one is made up",
        )
        add_recovery_codes(parser)
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"] or self._ask("E-mail address: ")
        given = options["password"] or os.environ.get(PASSWORD_VARIABLE, "")
        if not given and sys.stdin.isatty() and not options["dry_run"]:
            given = getpass.getpass("Password (empty: one is made up): ")
        with errors_told():
            if options["dry_run"]:
                operator = check_new_operator(
                    email, given or make_up_password(), name=options["name"]
                )
                self.stdout.write(f"{operator.email} would be made an operator")
                return
            made = create_operator(email, name=options["name"], password=given)
        self.stderr.write(f"{made.operator.email} is an operator.", self.style.SUCCESS)
        tell_factor(self.stdout, made.device, options, password="" if given else made.password)

    def _ask(self, question: str) -> str:
        if not sys.stdin.isatty():
            raise CommandError("Whose? Give --email.", returncode=Exit.USAGE)
        return input(question)
