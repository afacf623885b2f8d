"""`import_tenant`: make a tenant of an archive, or finish one that was cut off."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from tenants.archives.services.importing import ImportRequest, import_tenant, plan_import
from tenants.archives.telling import plan_text, receipt_text
from tenants.edge import add_dry_run, add_json, add_place, errors_told, progress_of


class Command(BaseCommand):
    help = (
        "Make a tenant of what export_tenant has written: the same rows and files, under a new id. "
        "Safe to run again after it was cut off anywhere: the same command finishes the work."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="an archive")
        parser.add_argument(
            "--slug", default="", help="its part of the host name (default: as it was)"
        )
        parser.add_argument("--name", default="", help="what people call it (default: as it was)")
        add_place(parser)
        parser.add_argument(
            "--digest", default="", help="what export_tenant printed; another archive is refused"
        )
        parser.add_argument(
            "--take-resting-slug",
            action="store_true",
            help="also a slug that rests for another tenant's sake",
        )
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        request = ImportRequest(
            file=options["file"],
            slug=options["slug"],
            name=options["name"],
            shard=options["shard"],
            domains=tuple(options["domain"]),
            digest=options["digest"],
            take_resting=options["take_resting_slug"],
            labels=tuple(options["label"]),
        )
        with errors_told():
            if options["dry_run"]:
                plan, _ = plan_import(request)
                told, text = plan.to_json(), plan_text(plan)
            else:
                receipt = import_tenant(request, tell=progress_of(self))
                told, text = receipt.to_json(), receipt_text(receipt)
        self.stdout.write(json.dumps(told, indent=2) if options["json"] else text)
