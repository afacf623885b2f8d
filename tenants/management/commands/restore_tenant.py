"""`restore_tenant`: bring a deleted tenant back."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tenants.edge import add_dry_run, add_json, errors_told
from tenants.services.restore import plan_restoration, restore_tenant


class Command(BaseCommand):
    help = (
        "Bring a deleted tenant back, as long as its purge has not begun. Its schema is first "
        "brought to the state of the code."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="its slug or id")
        parser.add_argument("--reason", default="", help="kept in the audit")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            tenant, to = plan_restoration(options["tenant"])
            already = tenant.state == to
            if not options["dry_run"]:
                tenant = restore_tenant(tenant.id, reason=options["reason"], tell=self.stderr.write)
        told = {"tenant_id": tenant.id, "slug": tenant.slug, "state": str(to)}
        verb = "would be" if options["dry_run"] and not already else "is"
        self.stdout.write(
            json.dumps(told | {"done": already or not options["dry_run"]}, indent=2)
            if options["json"]
            else f"{tenant.slug} ({tenant.id}) {verb} {to}{' already' * already}"
        )
