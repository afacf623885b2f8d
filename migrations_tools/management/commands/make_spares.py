"""`make_spares`: schemas for tenants that there are not yet."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from migrations_tools.errors import MigrationToolsError
from migrations_tools.spares.services.fill import make_spares, plan_spares
from migrations_tools.spares.services.shards import spare_shards
from migrations_tools.spares.types import SpareReport
from sharding.placements.telling import Exit, errors_told
from sharding.pools.outages import in_one_line
from sharding.registry.errors import RegistryError
from sharding.schemas.errors import SchemaError


class Command(BaseCommand):
    help = (
        "Keep ATOLL_SPARES schemas ready on each shard, closed, made of the image of the code's "
        "migrations: the next tenants take one each instead of waiting for theirs. Beat does the "
        "same every half minute. Spares of another image are dropped first; with ATOLL_SPARES "
        "at 0, all are."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("shard", nargs="*", help="only these")
        parser.add_argument("--dry-run", action="store_true", help="change nothing")
        parser.add_argument("--json", action="store_true", help="print a JSON array")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told({MigrationToolsError: Exit.FAILED}):
            reports = [
                self._report(name, dry_run=options["dry_run"])
                for name in spare_shards(options["shard"])
            ]
        if options["json"]:
            self.stdout.write(json.dumps([one.to_json() for one in reports], indent=2))
        else:
            for one in reports:
                self.stdout.write(_line(one, dry_run=options["dry_run"]))
        if any(one.problem for one in reports):
            raise CommandError("Not every shard has its spares; tenants are made all the same.")

    def _report(self, shard: str, *, dry_run: bool) -> SpareReport:
        """One that is away keeps the others from nothing."""
        try:
            return plan_spares(shard) if dry_run else make_spares(shard, tell=self._tell)
        except (SchemaError, RegistryError) as error:
            return SpareReport(shard, problem=in_one_line(error))

    def _tell(self, line: str) -> None:
        self.stderr.write(line)


def _line(one: SpareReport, *, dry_run: bool) -> str:
    did = (
        f"would drop {len(one.to_drop)} and make {one.to_make}"
        if dry_run
        else f"dropped {len(one.dropped)}, made {len(one.made)}"
    )
    why = f" ({one.problem})" if one.problem else ""
    return f"{one.shard}: {one.ready} of {one.wanted} are ready; {did}{why}"
