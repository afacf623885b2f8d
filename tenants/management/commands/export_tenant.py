"""`export_tenant`: write one tenant into one file."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from sharding.figures import size_in_words
from tenants.archives.services.exporting import export_tenant, plan_export
from tenants.archives.types import ExportPlan, ExportReceipt
from tenants.edge import add_dry_run, add_json, errors_told, progress_of


class Command(BaseCommand):
    help = (
        "Write one tenant, rows and files as they are at one moment, into one file that "
        "import_tenant makes a tenant of, here or elsewhere. The tenant goes on working."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="its slug or id")
        parser.add_argument("file", type=Path, help="a file that is not there yet")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            if options["dry_run"]:
                plan = plan_export(options["tenant"])
                told, text = plan.to_json(), _plan_text(plan)
            else:
                receipt = export_tenant(options["tenant"], options["file"], tell=progress_of(self))
                told, text = receipt.to_json(), _receipt_text(receipt)
        self.stdout.write(json.dumps(told, indent=2) if options["json"] else text)


def _plan_text(plan: ExportPlan) -> str:
    head = (
        f"{plan.slug} ({plan.tenant_id}) on {plan.shard}: {plan.tables} tables "
        f"({size_in_words(plan.database_bytes)} with their indexes), {plan.files} files "
        f"({size_in_words(plan.file_bytes)}) would be written."
    )
    return "\n".join(
        [head, *(f"  left behind: {one.table} ({one.why})" for one in plan.left_behind)]
    )


def _receipt_text(receipt: ExportReceipt) -> str:
    manifest = receipt.manifest
    head = (
        f"{manifest.tenant.slug} ({manifest.tenant.id}) is in {receipt.file}: "
        f"{manifest.total_rows} rows in {len(manifest.tables)} tables, {manifest.files.files} "
        f"files, {size_in_words(receipt.file_bytes)}"
    )
    lines = [
        head,
        *(
            f"  left behind: {one.rows} rows of {one.table} ({one.why})"
            for one in manifest.left_behind
            if one.rows
        ),
        *(f"  was missing before: the file {name}" for name in manifest.files.missing),
        f"digest {receipt.digest}",
    ]
    return "\n".join(lines)
