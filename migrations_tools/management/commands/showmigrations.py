"""`showmigrations`: control's migrations, or those of the tenant in scope."""

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import showmigrations
from django.db import connections

from migrations_tools.addressing import database_for
from migrations_tools.execution import labels_of
from migrations_tools.loading import load


class Command(showmigrations.Command):
    help = (
        "Show the migrations of the control database and which are applied; through "
        "`tenant_command`, those of one tenant."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.verbosity = options["verbosity"]
        with database_for("showmigrations", asked_for=options["database"]) as alias:
            connection = connections[alias]
            here = labels_of(alias) & load(connection).migrated_apps
            if foreign := set(options["app_label"]) - here:
                raise CommandError(
                    f"{', '.join(sorted(foreign))}: no app with migrations in {alias}. It has "
                    f"{', '.join(sorted(here))}."
                )
            show = self.show_plan if options["format"] == "plan" else self.show_list
            show(connection, sorted(options["app_label"] or here))
