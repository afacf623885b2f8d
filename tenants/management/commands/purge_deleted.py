"""`purge_deleted`: drop all data of tenants whose grace is over."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharding.placements.telling import Exit
from tenants.edge import add_dry_run, add_json, errors_told
from tenants.models import Tenant
from tenants.services.purge_due import PurgeResult, purge_due, tenants_to_purge

_ROW = "{:<24} {:<12} {:<17} {:<17} {}"


class Command(BaseCommand):
    help = (
        "Drop all data of deleted tenants whose grace is over, and finish purges that were cut "
        "off; beat does the same every hour. Safe to run again after it was cut off anywhere."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", default="", help="only this one: slug or id")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            tenants = tenants_to_purge(options["tenant"])
            if options["dry_run"]:
                return self._list(tenants, as_json=options["json"])
            results = [self._show(each) for each in purge_due(tenants, tell=self.stderr.write)]
        failed = [each for each in results if each.error]
        if options["json"]:
            self.stdout.write(json.dumps([each.to_json() for each in results], indent=2))
        else:
            self.stdout.write(
                f"{len(results) - len(failed)} of {len(results)} deleted tenants are purged."
                if results
                else "No deleted tenant is to be purged."
            )
        if failed:
            raise CommandError(
                f"{len(failed)} are not purged: {', '.join(each.slug for each in failed)}. Mend "
                "the cause and run it again.",
                returncode=Exit.PAUSED,
            )
        return None

    def _list(self, tenants: list[Tenant], *, as_json: bool) -> None:
        rows = [
            {
                "tenant_id": each.id,
                "slug": each.slug,
                "deleted_at": each.deleted_at.isoformat() if each.deleted_at else None,
                "purge_after": each.purge_after.isoformat() if each.purge_after else None,
            }
            for each in tenants
        ]
        if as_json:
            self.stdout.write(json.dumps(rows, indent=2))
            return
        if not rows:
            self.stdout.write("No deleted tenant is to be purged.")
            return
        self.stdout.write(_ROW.format("SLUG", "ID", "DELETED", "GRACE OVER", ""))
        for each in tenants:
            at, until = (
                f"{when:%Y-%m-%d %H:%M}" if when else "-"
                for when in (each.deleted_at, each.purge_after)
            )
            self.stdout.write(_ROW.format(each.slug, each.id, at, until, "would be purged"))

    def _show(self, result: PurgeResult) -> PurgeResult:
        if result.error:
            self.stderr.write(result.error, self.style.ERROR)
        return result
