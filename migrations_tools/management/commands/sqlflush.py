"""`sqlflush`: what would empty control's tables, or those of the tenant in scope."""

from typing import Any

from django.core.management.commands import sqlflush

from migrations_tools.addressing import database_for


class Command(sqlflush.Command):
    help = (
        "Print the SQL that would empty all tables of the control database; through "
        "`tenant_command`, those of one tenant. Runs nothing."
    )

    def handle(self, *args: Any, **options: Any) -> str:
        with database_for("sqlflush", asked_for=options["database"]) as alias:
            return super().handle(*args, **{**options, "database": alias})
