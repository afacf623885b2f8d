"""`resume_tenant`: see `tenants.services.suspend`."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tenants.edge import add_dry_run, add_json, errors_told
from tenants.services.finding import find_tenant
from tenants.services.suspend import resume_tenant
from tenants.states import TenantState


class Command(BaseCommand):
    help = "Serve a suspended tenant again."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="its slug or id")
        parser.add_argument("--reason", default="", help="kept in the audit")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            tenant = find_tenant(options["tenant"])
            already = tenant.state == TenantState.ACTIVE
            if not options["dry_run"]:
                tenant = resume_tenant(tenant.id, reason=options["reason"])
        told = {"tenant_id": tenant.id, "slug": tenant.slug, "state": tenant.state}
        verb = "would be resumed; it is" if options["dry_run"] else "is"
        self.stdout.write(
            json.dumps(told, indent=2)
            if options["json"]
            else f"{tenant.slug} ({tenant.id}) {verb} {tenant.state}{' already' * already}"
        )
