"""`inspectdb`: models for control's tables, or for those of the tenant in scope."""

from typing import Any

from django.core.management.commands import inspectdb

from migrations_tools.addressing import database_for


class Command(inspectdb.Command):
    help = (
        "Print models for the tables of the control database; through `tenant_command`, for those "
        "of one tenant (and the shared reference tables, which it sees as well)."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with database_for("inspectdb", asked_for=options["database"]) as alias:
            super().handle(*args, **{**options, "database": alias})
