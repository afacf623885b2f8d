"""`reattach_tenant`: make a tenant known again that control has forgotten."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tenants.edge import add_domains, add_dry_run, add_json, errors_told, progress_of
from tenants.services.reattach import plan_reattachment, reattach_tenant
from tenants.services.types import ProvisionRequest


class Command(BaseCommand):
    help = (
        "Make a tenant known again that a restored control has forgotten, where its schema is: "
        "`check_drift` names it as schema.without_tenant. It comes back suspended, since nobody "
        "knows whether it was, or was deleted; look at it, then `resume_tenant`. Safe to run again."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="its id, which is its schema's name")
        parser.add_argument("--slug", required=True, help="its part of the host name")
        parser.add_argument("--name", default="", help="what people call it (default: the slug)")
        add_domains(parser)
        parser.add_argument("--plan", default="", help="one of ATOLL_PLANS (default: none)")
        parser.add_argument("--reason", default="", help="kept in the audit")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        request = ProvisionRequest(
            slug=options["slug"],
            name=options["name"],
            domains=tuple(options["domain"]),
            plan=options["plan"],
        )
        tenant_id, dry_run = options["tenant"], options["dry_run"]
        with errors_told():
            if dry_run:
                plan = plan_reattachment(tenant_id, request)
            else:
                tell, reason = progress_of(self), options["reason"]
                plan = reattach_tenant(tenant_id, request, reason=reason, tell=tell)
        if options["json"]:
            self.stdout.write(json.dumps(plan.to_json() | {"done": not dry_run}, indent=2))
            return
        known = "known again" if not plan.known else "known again since an earlier run"
        self.stdout.write(
            f"{plan.slug} ({tenant_id}) {'would be' if dry_run else 'is'} {known}, on "
            f"{plan.shard}, suspended: {', '.join(plan.hosts)}. When it is as it should be: "
            f"manage.py resume_tenant {plan.slug}"
        )
