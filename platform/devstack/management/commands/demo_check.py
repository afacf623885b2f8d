"""manage.py demo_check."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from devstack.demo.checking import run_demo_check
from devstack.errors import DevstackError


class Command(BaseCommand):
    help = "Run the demo in a throw-away folder and prove that it serves two tenants apart."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run_demo_check(self.stdout.write)
        except DevstackError as error:
            raise CommandError(str(error)) from error
