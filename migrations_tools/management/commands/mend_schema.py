"""`mend_schema`: guards, rights and mark of one schema, as they must be."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from migrations_tools.drift.services.mend import Mended, mend_schema, plan_mending
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
        parser.add_argument("--dry-run", action="store_true", help="say what it would do")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run = options["dry_run"]
        do = plan_mending if dry_run else mend_schema
        with errors_told({MigrationToolsError: Exit.FAILED}):
            mended = do(options["tenant"], open_it=options["open"])
        text = _would(mended) if dry_run else _text(mended)
        self.stdout.write(json.dumps(asdict(mended), indent=2) if options["json"] else text)
        if mended.lacks and not dry_run:
            raise CommandError(f"{mended.schema} still lacks: {'; '.join(mended.lacks)}.")


def _would(plan: Mended) -> str:
    does = [
        *(["open it"] if plan.opened else []),
        *(["set its mark to what is there"] if plan.remarked else []),
        *([f"mend what it lacks ({'; '.join(plan.lacks)})"] if plan.lacks else []),
    ]
    return f"{_place(plan)}: would {'; '.join(does) or 'do nothing'}. Nothing was changed."


def _text(mended: Mended) -> str:
    did = [
        *(["opened it"] if mended.opened else []),
        *(["set its mark to what is there"] if mended.remarked else []),
        *([f"mended what it lacked ({'; '.join(mended.mended)})"] if mended.mended else []),
    ]
    return f"{_place(mended)}: {'; '.join(did) or 'nothing was to be done'}."


def _place(mended: Mended) -> str:
    return f"{mended.schema} on {mended.shard}"
