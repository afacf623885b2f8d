"""`retry_sign_up`: have a failed sign-up tried again."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from front.edge import errors_told
from front.services.making import retry_sign_up
from front.services.starting import start
from front.states import SignUpState
from front.tasks import make_workspace
from tenants.edge import add_dry_run


class Command(BaseCommand):
    help = (
        "Have a failed sign-up tried again now, by a worker of the queue `control`. What is made "
        "of its tenant is kept and finished."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", type=UUID, help="as `list_sign_ups` shows it")
        add_dry_run(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            row = retry_sign_up(options["id"], dry_run=options["dry_run"])
            if row.state != SignUpState.FAILED:
                self.stdout.write(f"{row.slug} is {row.state}: nothing to do.")
                return
            if options["dry_run"]:
                self.stdout.write(f"{row.slug} would be tried again.")
                return
            start(make_workspace, str(row.pk))
        self.stdout.write(
            f"{row.slug} is tried again; `manage.py list_sign_ups` shows how it goes."
        )
