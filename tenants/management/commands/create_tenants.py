"""`create_tenants`: make the tenants of a list, or finish a run that was cut off."""

import json
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharding.placements.telling import Exit
from tenants.edge import add_dry_run, add_json, errors_told
from tenants.services.create_list import COLUMNS, check_is_ours, read_list, write_errors
from tenants.services.create_many import MOST_AT_ONCE, LineResult, Outcome, create_many
from tenants.services.types import AUTO


class Command(BaseCommand):
    help = (
        "Make the tenants of a CSV file, a few at a time. Lines that cannot be made are told, and "
        "written into a file of errors, which can be mended and given to this command. Safe to run "
        "again after it was cut off anywhere: what is there is left, what is half made is finished."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--from-csv",
            type=Path,
            required=True,
            metavar="FILE",
            help=f"its first line names the columns: slug, and any of {', '.join(COLUMNS[1:])}; "
            "several domains stand between spaces",
        )
        parser.add_argument(
            "--shard", default=AUTO, metavar="auto|NAME", help="of lines that name none"
        )
        parser.add_argument(
            "--at-once",
            type=int,
            default=2,
            choices=range(1, MOST_AT_ONCE + 1),
            metavar=f"1…{MOST_AT_ONCE}",
            help="how many are made at the same time (default: 2)",
        )
        parser.add_argument(
            "--errors", type=Path, metavar="FILE", help="default: FILE.errors.csv beside the list"
        )
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        source: Path = options["from_csv"]
        dry_run: bool = options["dry_run"]
        results: list[LineResult] = []
        began = monotonic()
        with errors_told():
            lines = read_list(source, shard=options["shard"])
            errors: Path = options["errors"] or source.with_name(f"{source.stem}.errors.csv")
            check_is_ours(errors)
            try:
                for result in create_many(lines, at_once=options["at_once"], dry_run=dry_run):
                    results.append(result)
                    self._progress(result, len(results), len(lines))
            except KeyboardInterrupt:
                self.stderr.write("Cut off; what was under way is finished.")
            failed = [each for each in results if each.outcome is Outcome.FAILED]
            if not dry_run:
                write_errors(errors, [(each.line, each.error) for each in failed])
        if options["json"]:
            told = sorted(results, key=lambda result: result.line.number)
            self.stdout.write(json.dumps([each.to_json() for each in told], indent=2))
        else:
            self.stdout.write(_summary(results, len(lines), monotonic() - began))
        if len(results) < len(lines):
            raise CommandError(
                f"{len(lines) - len(results)} lines were not begun. Mend what stopped it, if "
                f"anything did, and run the same command again.",
                returncode=Exit.PAUSED,
            )
        if failed:
            where = "" if dry_run else f" They are in {errors}: mend them there and give it to me."
            raise CommandError(f"{len(failed)} of {len(lines)} lines failed.{where}")

    def _progress(self, result: LineResult, number: int, of: int) -> None:
        head = f"{number}/{of} line {result.line.number} {result.line.slug[:60]}"
        if result.outcome is Outcome.FAILED:
            self.stderr.write(f"{head}: {result.error}", self.style.ERROR)
            return
        self.stderr.write(
            f"{head}: {result.outcome} on {result.shard} ({result.seconds:.1f} s)",
            self.style.HTTP_INFO,
        )


def _summary(results: list[LineResult], lines: int, seconds: float) -> str:
    counted = Counter(str(each.outcome) for each in results)
    told = ", ".join(f"{counted[outcome]} {outcome}" for outcome in Outcome if counted[outcome])
    made = counted[Outcome.CREATED]
    rate = f" ({made / seconds:.1f} a second)" if made > 1 else ""
    return f"{lines} lines in {seconds:.1f} s: {told or 'none begun'}{rate}."
