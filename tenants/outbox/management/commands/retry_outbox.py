"""`retry_outbox`: deliver again what failed."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tenants.edge import add_dry_run, errors_told
from tenants.outbox.services.retry import retry_outbox
from tenants.services.entering import entered
from tenants.services.finding import find_tenant


class Command(BaseCommand):
    help = (
        "Put the parked messages of one tenant back into its outbox, where they stood, and try "
        "them and those that wait for their next try at once."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="slug or id")
        parser.add_argument("--topic", default="", help="only messages of this topic")
        add_dry_run(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run = options["dry_run"]
        with errors_told():
            tenant = find_tenant(options["tenant"])
            with entered(tenant):
                done = retry_outbox(topic=options["topic"], dry_run=dry_run)
        would = "would be" if dry_run else "are"
        self.stdout.write(
            f"{tenant.slug}: {done.unparked} parked and {done.hurried} waiting messages {would} "
            "tried at once."
        )
