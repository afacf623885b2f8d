"""`all_tenants_command`: run any command once per tenant, each in its scope."""

import traceback
from typing import Any, Final

from django.core.management.base import CommandError

from tenants.edge import errors_told
from tenants.models import CONTROL, Tenant
from tenants.running import CommandOfCommands, check_known, parse_call, run_for
from tenants.states import TenantState

_LEFT_OUT: Final = (TenantState.PROVISIONING, TenantState.DELETED)


class Command(CommandOfCommands):
    help = (
        "Run a command for every tenant that is finished and not deleted, one after the other: "
        "all_tenants_command COMMAND [what it takes …]. Goes on after a tenant for which it fails, "
        "and says at the end which those were."
    )

    def handle(self, *words: str, **options: Any) -> None:
        call = parse_call(words or options.get("words", ()))
        check_known(call)
        if call.tenant:
            raise CommandError("For one tenant, say `tenant_command`.", returncode=2)
        failed = []
        with errors_told():
            finished = Tenant.objects.using(CONTROL).exclude(state__in=_LEFT_OUT)
            tenants = list(finished)
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
