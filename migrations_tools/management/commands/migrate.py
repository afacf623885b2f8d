"""`migrate`: the control database, and nothing else."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.migrations.autodetector import MigrationAutodetector

from migrations_tools.services.control import CONTROL, ControlRequest, migrate_control
from sharding.placements.telling import Exit, errors_told


class Command(BaseCommand):
    help = (
        "Migrate the control database. Tenants' schemas, on whatever shard, are migrated by "
        "`migrate_schemas`."
    )
    requires_system_checks: list[str] = []
    # A system check of Django compares it with makemigrations'.
    autodetector = MigrationAutodetector

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("app_label", nargs="?", default="", help="only this app of control")
        parser.add_argument("migration_name", nargs="?", default="", help="to this one, or `zero`")
        parser.add_argument("--database", default=CONTROL, help="`control` is the only one")
        parser.add_argument("--noinput", "--no-input", action="store_true", help="never asks")
        parser.add_argument("--fake", action="store_true", help="record, run nothing")
        parser.add_argument("--plan", action="store_true", help="print what would be applied")
        parser.add_argument("--check", action="store_true", help="exit 1 if anything is pending")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["database"] not in (CONTROL, "default"):
            raise CommandError(
                f"`migrate` knows the control database only, not {options['database']!r}. For "
                f"tenants' schemas: `manage.py migrate_schemas --shard {options['database']}`.",
                returncode=Exit.USAGE,
            )
        plan_only = options["plan"] or options["check"]
        request = ControlRequest(
            app_label=options["app_label"],
            name=options["migration_name"],
            fake=options["fake"],
            plan_only=plan_only,
        )
        loud = options["verbosity"] > 0 and not plan_only
        with errors_told():
            names = migrate_control(request, tell=self._tell if loud else lambda line: None)
        if plan_only:
            self.stdout.write("\n".join(names) or "Nothing is pending on control.")
            if options["check"] and names:
                raise CommandError("Migrations are pending on control: run `manage.py migrate`.")
        elif options["verbosity"] > 0:
            self.stdout.write(f"Control is up to date ({len(names)} applied now).")

    def _tell(self, line: str) -> None:
        self.stderr.write(f"control: {line}")
