"""`give_global_ids`: for tenants that are older than global ids, once."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.edge import add_dry_run, add_json, errors_told
from tenants.services.give_global_ids import Given, give_global_ids, select_tenants


class Command(BaseCommand):
    help = (
        "Give content types and permissions of tenants the ids that control has for them, with "
        "all rows that refer to them: once, for tenants that are older than global ids. A tenant "
        "has all of its new ids or none; one whose ids are right is only looked at. Safe to run "
        "again."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", nargs="*", help="slugs or ids; without any, all tenants")
        parser.add_argument("--shard", action="append", default=[], help="repeatable")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run = options["dry_run"]
        with errors_told():
            tenants = select_tenants(options["tenant"], shards=options["shard"])
            results = []
            for result in give_global_ids(tenants, dry_run=dry_run):
                results.append(result)
                self._tell(result, dry_run=dry_run)
        if options["json"]:
            self.stdout.write(json.dumps([asdict(result) for result in results], indent=2))
        else:
            self._summarise(results, dry_run=dry_run)
        failed = [result.slug for result in results if result.error]
        if failed:
            some = " ".join(failed[:20])
            raise CommandError(
                f"{len(failed)} of {len(results)} tenants failed and have the ids that they had. "
                f"Mend the cause, then: manage.py give_global_ids {some}"
            )

    def _summarise(self, results: list[Given], *, dry_run: bool) -> None:
        wrong = sum(bool(result.wrong) for result in results)
        skipped = sum(bool(result.skipped) for result in results)
        verb = "would get" if dry_run else "got"
        self.stdout.write(
            f"{len(results)} tenants: {wrong} {verb} other ids, {skipped} left alone."
            f"{' Nothing was changed.' if dry_run else ''}"
        )

    def _tell(self, result: Given, *, dry_run: bool) -> None:
        if result.error:
            words = f"failed: {result.error}"
        elif result.skipped:
            words = f"left alone: {result.skipped}"
        elif dry_run:
            words = f"{result.wrong} ids to change"
        elif not result.wrong:
            words = "right already"
        else:
            words = (
                f"{result.content_types} content types and {result.permissions} permissions have "
                f"other ids, {result.rows} rows followed"
            )
        self.stderr.write(f"{result.slug} on {result.shard or '-'}: {words}")
        for name in result.local:
            self.stderr.write(f"  {name} is not known to control and has an id of its own")
