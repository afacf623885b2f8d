"""`all_tenants_command`: run any command once per tenant, each in its scope."""

import traceback
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from tenants.edge import errors_told
from tenants.models import CONTROL, Tenant
from tenants.running import check_known, parse_call, run_for
from tenants.states import TenantState


class Command(BaseCommand):
    help = (
        "Run a command for every finished tenant in turn: all_tenants_command COMMAND [what it "
        "takes …]. Goes on after a tenant for which it fails, and says at the end which those were."
    )
    requires_system_checks: list[str] = []

    def run_from_argv(self, argv: list[str]) -> None:
        if len(argv) < 3 or argv[2] in ("-h", "--help"):
            self.stdout.write(self.help)
            raise SystemExit(0 if len(argv) > 2 else 2)
        try:
            self.handle(*argv[2:])
        except CommandError as error:
            self.stderr.write(f"{error.__class__.__name__}: {error}")
            raise SystemExit(error.returncode) from error

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("words", nargs="*")

    def handle(self, *words: str, **options: Any) -> None:
        call = parse_call(words or options.get("words", ()))
        check_known(call)
        if call.tenant:
            raise CommandError("For one tenant, say `tenant_command`.", returncode=2)
        failed = []
        with errors_told():
            tenants = list(Tenant.objects.using(CONTROL).exclude(state=TenantState.PROVISIONING))
        for tenant in tenants:
            self.stderr.write(f"=== {tenant.slug} ({tenant.id})", self.style.HTTP_INFO)
            try:
                with errors_told():
                    run_for(tenant, call, "manage.py all_tenants_command")
            except CommandError as error:
                self.stderr.write(f"{tenant.slug}: {error}", self.style.ERROR)
                failed.append(tenant.slug)
            except Exception:  # noqa: BLE001 - the next tenant has nothing to do with it
                self.stderr.write(f"{tenant.slug}: {traceback.format_exc()}", self.style.ERROR)
                failed.append(tenant.slug)
        if failed:
            raise CommandError(f"Failed for {len(failed)} of {len(tenants)}: {', '.join(failed)}")
