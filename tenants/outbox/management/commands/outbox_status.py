"""`outbox_status`: what waits in tenants' outboxes, and what was given up."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from django.core.serializers.json import DjangoJSONEncoder

from tenants.edge import add_json, errors_told
from tenants.outbox.services.status import OutboxStatus, outbox_status

_ROW = "{:<24} {:<12} {:<10} {:<16} {:>7} {:>6} {:>5}  {:<19} {}"

_HEAD = ("SLUG", "ID", "SHARD", "TOPIC", "WAITING", "PARKED", "TRIES", "OLDEST", "LAST ERROR")


class Command(BaseCommand):
    help = (
        "Show what waits in tenants' outboxes and what was parked. Without names: those tenants "
        "that have something, by their shards' statistics (a second late)."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", nargs="*", help="slug or id; only these")
        parser.add_argument("--all", action="store_true", help="look into every tenant's schema")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            status = outbox_status(options["tenant"], everyone=options["all"])
        if options["json"]:
            self.stdout.write(json.dumps(asdict(status), indent=2, cls=DjangoJSONEncoder))
        else:
            self._show(status)
        for name, problem in status.problems.items():
            self.stderr.write(f"{name}: {problem}")

    def _show(self, status: OutboxStatus) -> None:
        if not status.lines:
            where = " where it could be looked" if status.problems else ""
            self.stdout.write(f"Nothing waits, nothing is parked{where}.")
            return
        self.stdout.write(_ROW.format(*_HEAD))
        for line in status.lines:
            oldest = f"{line.oldest:%Y-%m-%d %H:%M:%S}" if line.oldest else ""
            row = _ROW.format(
                line.slug,
                line.tenant_id,
                line.shard,
                line.topic,
                line.waiting,
                line.parked,
                line.tries,
                oldest,
                line.last_error[:80],
            )
            self.stdout.write(row.rstrip())
