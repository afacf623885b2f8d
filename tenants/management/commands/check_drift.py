"""`check_drift`: what control believes against what is there."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharding.placements.telling import Exit
from tenants.edge import add_json, errors_told
from tenants.services.drift import NamedReport, by_shard, check_tenants


class Command(BaseCommand):
    help = (
        "Compare the directory with the shards: schemas without tenants, tenants without schemas, "
        "copies on two shards, left-over roles and templates, tables without a guard. With --full "
        "each schema's structure, migrations, furniture and ids as well. Changes nothing; exits "
        "with 1 when something differs."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--tenant", action="append", default=[], help="only this slug or id; repeatable"
        )
        parser.add_argument("--shard", action="append", default=[], help="only this; repeatable")
        parser.add_argument(
            "--full", action="store_true", help="measure every schema: some 30 ms for each"
        )
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        quiet = options["json"] or options["verbosity"] == 0
        with errors_told():
            named = check_tenants(
                tenants=options["tenant"],
                shards=options["shard"],
                full=options["full"],
                tell=(lambda line: None) if quiet else self.stderr.write,
            )
        if options["json"]:
            self.stdout.write(json.dumps(named.to_json(), indent=2))
        else:
            self._tell(named)
        if count := len(named.report.findings):
            raise CommandError(f"{count} findings.", returncode=Exit.FAILED)

    def _tell(self, named: NamedReport) -> None:
        for shard, findings in by_shard(named.report.findings).items():
            self.stdout.write(shard or "control")
            for finding in findings:
                slug = named.slugs.get(finding.subject)
                self.stdout.write(f"  {finding.kind:<24} {finding.subject} {slug or ''}".rstrip())
                self.stdout.write(f"      {finding.what}")
                self.stdout.write(f"      → {finding.mend}")
        report = named.report
        self.stdout.write(
            f"{report.schemas} schemas on {len(report.shards)} shards looked at, "
            f"{report.measured} measured, {report.took.total_seconds():.1f} s: "
            + (f"{len(report.findings)} findings." if report.findings else "nothing differs.")
        )
