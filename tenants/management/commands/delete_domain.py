"""`delete_domain`: let a tenant no longer be reached under a host."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tenants.edge import add_dry_run, add_json, errors_told
from tenants.services.domains import plan_removal, remove_domain


class Command(BaseCommand):
    help = "Take a host away from a tenant. The host of its slug stays."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="its slug or id")
        parser.add_argument("domain", help="the host")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            tenant, row = plan_removal(options["tenant"], options["domain"])
            if not options["dry_run"]:
                remove_domain(tenant.id, row.domain)
        told = {"tenant_id": tenant.id, "domain": row.domain, "done": not options["dry_run"]}
        verb = "would be taken" if options["dry_run"] else "is taken"
        self.stdout.write(
            json.dumps(told, indent=2)
            if options["json"]
            else f"{row.domain} {verb} from {tenant.slug} ({tenant.id})"
        )
