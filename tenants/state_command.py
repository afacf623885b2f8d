"""What `suspend_tenant` and `resume_tenant` have in common: all but the verb."""

import json
from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any, ClassVar

from django.core.management.base import BaseCommand

from tenants.edge import add_dry_run, add_json, errors_told
from tenants.models import Tenant
from tenants.services.suspend import plan_state
from tenants.states import TenantState


class TenantStateCommand(BaseCommand):
    """Brings one tenant into one state.

    Attributes:
        to: the state.
        would: what a dry run says would happen.
        bring: the service that does it.
    """

    requires_system_checks: list[str] = []
    to: ClassVar[TenantState]
    would: ClassVar[str]
    bring: ClassVar[Callable[..., Tenant]]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="its slug or id")
        parser.add_argument("--reason", default="", help="kept in the audit")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Find the tenant, change it unless this is a dry run, tell its state."""
        with errors_told():
            tenant = plan_state(options["tenant"], self.to)
            already = tenant.state == self.to
            if not options["dry_run"]:
                tenant = type(self).bring(tenant.id, reason=options["reason"])
        told = {"tenant_id": tenant.id, "slug": tenant.slug, "state": tenant.state}
        verb = "is"
        if options["dry_run"] and not already:
            verb = f"would be {self.would}; it is"
        self.stdout.write(
            json.dumps(told, indent=2)
            if options["json"]
            else f"{tenant.slug} ({tenant.id}) {verb} {tenant.state}{' already' * already}"
        )
