"""`build_image`: what an empty tenant is now, as a script per PostgreSQL major."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from migrations_tools.errors import MigrationToolsError
from migrations_tools.images.errors import NoShardOfMajor
from migrations_tools.images.services.build_image import build_image
from migrations_tools.images.types import BuiltImage, ImageOutcome, ImageReceipt
from sharding.figures import size_in_words
from sharding.placements.telling import Exit, errors_told


class Command(BaseCommand):
    help = (
        "Build the image of the code's migrations: what an empty tenant's schema is, as one script "
        "that makes a new tenant in milliseconds. To be run at each deploy, after `migrate`; what "
        "is there already is kept. Migrations that can have no image are named with the reason, "
        "and tenants are then made by running them."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--major", type=int, help="only for this PostgreSQL major, such as 18")
        parser.add_argument("--force", action="store_true", help="build again what is there")
        parser.add_argument("--dry-run", action="store_true", help="print what would be built")
        parser.add_argument(
            "--check", action="store_true", help="the same, and exit 1 if one is missing"
        )
        parser.add_argument("--json", action="store_true", help="print an object")

    def handle(self, *args: Any, **options: Any) -> None:
        look_only = options["dry_run"] or options["check"]
        with errors_told({MigrationToolsError: Exit.FAILED, NoShardOfMajor: Exit.USAGE}):
            receipt = build_image(
                options["major"], force=options["force"], dry_run=look_only, tell=self._tell
            )
        if options["json"]:
            self.stdout.write(json.dumps(asdict(receipt), indent=2, default=str))
        else:
            self._show(receipt)
        if receipt.refused:
            raise CommandError(
                "These migrations have no image; new tenants are made by running them, which is "
                "slower and no less right. Mend the cause and run it again with --force."
            )
        if options["check"] and receipt.missing:
            raise CommandError("An image is missing: run `manage.py build_image`.")

    def _show(self, receipt: ImageReceipt) -> None:
        state = f"State {receipt.digest[:12]} of {receipt.migrations} migrations"
        for image in receipt.images:
            self.stdout.write(f"{state}, PostgreSQL {image.major}: {_line(image)}")
        if receipt.dropped:
            self.stdout.write(f"{receipt.dropped} images that no schema is at were forgotten.")

    def _tell(self, line: str) -> None:
        self.stderr.write(line)


def _line(image: BuiltImage) -> str:
    size = size_in_words(image.bytes)
    match image.outcome:
        case ImageOutcome.TO_BUILD:
            return f"to build, on {image.shard}."
        case ImageOutcome.REFUSED:
            return f"refused: {image.why}"
        case ImageOutcome.KEPT:
            return f"is there ({image.statements} statements, {size})."
        case ImageOutcome.BUILT:
            return (
                f"built on {image.shard} in {image.took.total_seconds():.1f} s "
                f"({image.statements} statements, {size}, {image.locks} locks)."
            )
