"""`create_domain`: let a tenant be reached under one more host."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tenants.edge import add_dry_run, add_json, errors_told
from tenants.services.domains import add_domain, leads_already, plan_domain


class Command(BaseCommand):
    help = "Let a tenant be reached under one more host."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="its slug or id")
        parser.add_argument("domain", help="the host; names in any script")
        parser.add_argument("--primary", action="store_true", help="list this host first")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            tenant, domain = plan_domain(options["tenant"], options["domain"])
            already = leads_already(tenant, domain, primary=options["primary"])
            if not options["dry_run"]:
                add_domain(tenant.id, domain, primary=options["primary"])
        told = {"tenant_id": tenant.id, "domain": domain, "done": not options["dry_run"]}
        verb = "would lead" if options["dry_run"] and not already else "leads"
        self.stdout.write(
            json.dumps(told, indent=2)
            if options["json"]
            else f"{domain} {verb} to {tenant.slug} ({tenant.id}){' already' * already}"
        )
