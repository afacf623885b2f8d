"""`rebuild_known_addresses`: have every tenant say anew which addresses its members have."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from front.edge import errors_told
from front.services.known import publish_all_addresses
from tenants.edge import add_dry_run
from tenants.models import CONTROL, Tenant
from tenants.services.entering import entered
from tenants.services.finding import find_tenant
from tenants.states import TenantState


class Command(BaseCommand):
    help = (
        "Have every tenant say anew, through its outbox, which addresses its members have: after "
        "SECRET_KEY has changed, or control was restored. Safe to run again, and at any time."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", default="", help="only this one: slug or id")
        add_dry_run(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            if options["tenant"]:
                tenants = [find_tenant(options["tenant"])]
            else:
                without = (TenantState.PROVISIONING, TenantState.DELETED)
                tenants = list(Tenant.objects.using(CONTROL).exclude(state__in=without))
        if options["dry_run"]:
            self.stdout.write(f"{len(tenants)} tenants would say their addresses anew.")
            return
        away = [tenant.slug for tenant in tenants if not self._ask(tenant)]
        told = f"{len(tenants) - len(away)} of {len(tenants)} tenants have said their addresses."
        if away:
            raise CommandError(f"{told} Run it again for: {', '.join(away)}.")
        self.stdout.write(f"{told} `manage.py outbox_status` shows what is still on its way.")

    def _ask(self, tenant: Tenant) -> bool:
        try:
            with errors_told(), entered(tenant):
                found = publish_all_addresses()
        except CommandError as error:
            self.stderr.write(f"{tenant.slug}: {error}", self.style.ERROR)
            return False
        self.stderr.write(f"{tenant.slug}: {found} addresses", self.style.HTTP_INFO)
        return True
