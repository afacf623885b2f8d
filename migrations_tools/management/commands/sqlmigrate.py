"""`sqlmigrate`: the SQL of one migration, on control or for the tenant in scope."""

from typing import Any

from django.core.management.commands import sqlmigrate

from migrations_tools.addressing import database_for


class Command(sqlmigrate.Command):
    help = (
        "Print the SQL of a migration. For an app of tenants, through `tenant_command`: what it "
        "would be for that tenant."
    )

    def handle(self, *args: Any, **options: Any) -> str | None:
        with database_for(
            "sqlmigrate", options["app_label"], asked_for=options["database"]
        ) as alias:
            printed: str | None = super().handle(*args, **{**options, "database": alias})
        return printed
