"""`dbshell`: for the control database only."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import dbshell


class Command(dbshell.Command):
    help = "Open psql on the control database: dbshell --database control."

    def handle(self, **options: Any) -> None:
        if options["database"] != "control":
            raise CommandError(
                "On a shard psql would see no tenant: what binds a statement to its tenant is in "
                "our backend, and the login alone may look at nothing. "
                "`manage.py dbshell --database control` opens control; "
                "`manage.py devstack psql NAME` opens a development server as its owner."
            )
        super().handle(**options)
