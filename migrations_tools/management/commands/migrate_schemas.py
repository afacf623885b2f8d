"""`migrate_schemas`: every tenant's schema, one after the other."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from migrations_tools.services.fleet import SchemaResult, migrate_all, select_placements
from sharding.placements.telling import errors_told
from sharding.registry.current import registry


class Command(BaseCommand):
    help = (
        "Bring tenants' schemas to the state of the code, one after the other. One that fails is "
        "reported and the next one taken; then the exit status is 1. Safe to run again."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", action="append", default=[], help="tenant id; repeatable")
        parser.add_argument("--shard", action="append", default=[], help="repeatable")
        parser.add_argument("--dry-run", action="store_true", help="print whom it would take")
        parser.add_argument("--json", action="store_true", help="print a JSON array")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            if unknown := set(options["shard"]) - set(registry().shards):
                raise CommandError(f"No such shard: {', '.join(sorted(unknown))}. See list_shards.")
            placements = select_placements(tenants=options["tenant"], shards=options["shard"])
        found = {placement.tenant_id for placement in placements}
        if missing := set(options["tenant"]) - found:
            raise CommandError(
                f"No such tenant id: {', '.join(sorted(missing))}. Nothing was changed. For a slug "
                f"give the id: `manage.py show_tenant {min(missing)}` shows it."
            )
        if options["dry_run"]:
            results = [
                SchemaResult(one.tenant_id, one.shard_id, skipped=f"dry run; it is {one.state}")
                for one in placements
            ]
        else:
            results = [self._show(result) for result in migrate_all(placements, tell=self._tell)]
        if options["json"]:
            self.stdout.write(json.dumps([asdict(result) for result in results], indent=2))
        else:
            self._summarise(results, dry_run=options["dry_run"])
        failed = [result.tenant_id for result in results if result.error]
        if failed:
            again = " ".join(f"--tenant {tenant_id}" for tenant_id in failed[:20])
            raise CommandError(
                f"{len(failed)} of {len(results)} schemas failed. Mend the cause, then: "
                f"manage.py migrate_schemas {again}"
            )

    def _summarise(self, results: list[SchemaResult], *, dry_run: bool) -> None:
        if dry_run:
            for result in results:
                self.stdout.write(f"{result.tenant_id} on {result.shard}: {result.skipped}")
        done = sum(bool(result.migrations) for result in results)
        skipped = sum(bool(result.skipped) for result in results)
        self.stdout.write(f"{len(results)} schemas: {done} migrated, {skipped} left alone.")

    def _show(self, result: SchemaResult) -> SchemaResult:
        if result.error:
            self.stderr.write(f"{result.tenant_id} on {result.shard} failed: {result.error}")
        elif result.skipped:
            self.stderr.write(f"{result.tenant_id} on {result.shard} left alone: {result.skipped}")
        return result

    def _tell(self, line: str) -> None:
        self.stderr.write(line)
