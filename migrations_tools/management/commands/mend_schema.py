"""`mend_schema`: guards, rights and mark of one schema, as they must be."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from migrations_tools.drift.services.mend import Mended, mend_schema
from migrations_tools.errors import MigrationToolsError
from sharding.placements.telling import Exit, errors_told


class Command(BaseCommand):
    help = (
        "Give one tenant's schema its role, guards, rights and mark back, as far as they lack. "
        "Tables and rows are not touched. `check_drift` names the schemas that need it."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="tenant id, as check_drift prints it")
        parser.add_argument(
            "--open", action="store_true", help="serve its tenant again although it is closed"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told({MigrationToolsError: Exit.FAILED}):
            mended = mend_schema(options["tenant"], open_it=options["open"])
        self.stdout.write(
            json.dumps(asdict(mended), indent=2) if options["json"] else _text(mended)
        )
        if mended.lacks:
            raise CommandError(f"{mended.schema} still lacks: {'; '.join(mended.lacks)}.")


def _text(mended: Mended) -> str:
    did = [
        *(["guarded " + ", ".join(mended.guarded)] if mended.guarded else []),
        *(["opened it"] if mended.opened else []),
        *(["set its mark to what is there"] if mended.remarked else []),
    ]
    return f"{mended.schema} on {mended.shard}: {'; '.join(did) or 'nothing was to be done'}."
