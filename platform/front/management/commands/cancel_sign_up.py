"""`cancel_sign_up`: take back a sign-up that failed or waits."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from front.edge import errors_told
from front.services.cancelling import cancel_sign_up
from tenants.edge import add_dry_run


class Command(BaseCommand):
    help = "Take back a sign-up that failed or waits for its person, and free its slug."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("id", type=UUID, help="as `list_sign_ups` shows it")
        add_dry_run(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            row, is_half_made = cancel_sign_up(options["id"], dry_run=options["dry_run"])
        self.stdout.write(f"{row.slug} {'would be' if options['dry_run'] else 'is'} cancelled.")
        if is_half_made:
            undo = f"manage.py create_tenant {row.slug} --undo"
            self.stdout.write(f"Half a tenant is there: `{undo}` takes it back.")
