"""`check_pooler`: does what stands before a shard keep its tenants apart?"""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharding.placements.services.checking_pooler import Safety, check_pooler
from sharding.placements.telling import Exit, errors_told


class Command(BaseCommand):
    help = (
        "Drive two tenants of each shard through the address that requests use, whatever pooler "
        "stands there, from several connections at once, and print SAFE or UNSAFE with the "
        "reason. Reads only; exits with 1 when one is UNSAFE."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("shard", nargs="*", help="only these; default: all with two tenants")
        parser.add_argument("--json", action="store_true", help="print a JSON array")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            verdicts = check_pooler(options["shard"])
        if options["json"]:
            lines = [{**asdict(each), "safety": each.safety} for each in verdicts]
            self.stdout.write(json.dumps(lines, indent=2))
        else:
            for each in verdicts:
                self.stdout.write(
                    f"{each.safety:<6}  {each.shard} at {each.address}: {each.statements} "
                    f"statements on {each.backends} server connections"
                )
                for reason in each.reasons:
                    self.stdout.write(f"        {reason}")
        unsafe = [each.shard for each in verdicts if each.safety is Safety.UNSAFE]
        if unsafe:
            raise CommandError(
                f"Tenants are not kept apart on the way to {', '.join(unsafe)}: let requests go to "
                "the servers directly, or through PgBouncer in transaction mode "
                "(docs/how-to/pools.md).",
                returncode=Exit.FAILED,
            )
