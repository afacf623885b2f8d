"""`list_tenants`: all tenants, where they are and whether they are served."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tenants.edge import add_json, errors_told
from tenants.services.listing import list_tenants
from tenants.states import TenantState

_ROW = "{:<24} {:<12} {:<10} {:<10} {:<12} {}"
_PLAN = "{:<10} "


class Command(BaseCommand):
    help = "List all tenants, unfinished ones included. Asks control only, no shard."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--shard", default="", help="only those of this shard")
        parser.add_argument(
            "--state", default="", choices=[str(state) for state in TenantState], help="only these"
        )
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            lines = list_tenants(shard=options["shard"], state=options["state"])
        if options["json"]:
            self.stdout.write(json.dumps([line.to_json() for line in lines], indent=2))
            return
        if not lines:
            filtered = options["shard"] or options["state"]
            self.stdout.write(
                "None matches."
                if filtered
                else "No tenant: make one with `manage.py create_tenant`."
            )
            return
        plans = any(line.plan for line in lines)  # where nobody has one, nobody asks
        head = (_PLAN.format("PLAN") if plans else "") + "HOSTS"
        self.stdout.write(_ROW.format("SLUG", "ID", "SHARD", "STATE", "SERVED", head))
        for line in lines:
            self.stdout.write(
                _ROW.format(
                    line.slug,
                    line.tenant_id,
                    line.shard or "-",
                    line.state,
                    line.served,
                    (_PLAN.format(line.plan or "-") if plans else "")
                    + ", ".join(line.hosts)
                    + (f"  ({line.provisioning})" * bool(line.provisioning)),
                )
            )
