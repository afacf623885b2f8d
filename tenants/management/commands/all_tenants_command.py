"""`all_tenants_command`: run any command once per tenant, each in its scope."""

import traceback
from typing import Any, Final

from django.core.management.base import CommandError

from sharding.placements.errors import ShardHeld
from sharding.placements.models import Placement
from tenants.edge import errors_told
from tenants.models import CONTROL, Tenant
from tenants.running import Call, CommandOfCommands, check_known, parse_call, run_for, who_is_away
from tenants.states import TenantState

_LEFT_OUT: Final = (TenantState.PROVISIONING, TenantState.DELETED)


class Command(CommandOfCommands):
    help = (
        "Run a command for every tenant that is finished and not deleted, one after the other: "
        "all_tenants_command COMMAND [what it takes …]. Goes on after a tenant for which it fails, "
        "leaves out the rest of a shard that does not answer or is held, and says at the end which "
        "those were, with exit status 1."
    )

    def handle(self, *words: str, **options: Any) -> None:
        call = parse_call(words or options.get("words", ()))
        check_known(call)
        if call.tenant:
            raise CommandError("For one tenant, say `tenant_command`.", returncode=2)
        with errors_told():
            tenants = list(Tenant.objects.using(CONTROL).exclude(state__in=_LEFT_OUT))
            shards = dict(Placement.objects.using(CONTROL).values_list("tenant_id", "shard_id"))
        failed: list[str] = []
        left_out: dict[str, list[str]] = {}
        why: dict[str, str] = {}
        for tenant in tenants:
            shard = shards.get(tenant.id, "")
            if shard in left_out:
                left_out[shard].append(tenant.slug)
                continue
            error = self._run_for(tenant, call)
            if error is None:
                continue
            held = isinstance(error.__cause__, ShardHeld)
            away = shard if held else who_is_away(error, shard)
            if away == CONTROL:
                done = tenants.index(tenant)
                raise CommandError(f"Stopped after {done} of {len(tenants)}: {error}")
            if away:
                why[shard] = "is held" if held else "does not answer"
                self.stderr.write(f"shard {shard} is left out from here on: it {why[shard]}")
                left_out[shard] = [tenant.slug]
            else:
                failed.append(tenant.slug)
        if failed or left_out:
            raise CommandError(" ".join(_told(failed, left_out, why, len(tenants))))

    def _run_for(self, tenant: Tenant, call: Call) -> Exception | None:
        self.stderr.write(f"=== {tenant.slug} ({tenant.id})", self.style.HTTP_INFO)
        try:
            with errors_told():
                run_for(tenant, call, "manage.py all_tenants_command")
        except CommandError as error:
            self.stderr.write(f"{tenant.slug}: {error}", self.style.ERROR)
            return error
        except Exception as error:  # noqa: BLE001 - the next tenant has nothing to do with it
            self.stderr.write(f"{tenant.slug}: {traceback.format_exc()}", self.style.ERROR)
            return error
        return None


def _told(
    failed: list[str], left_out: dict[str, list[str]], why: dict[str, str], count: int
) -> list[str]:
    said = [f"Failed for {len(failed)} of {count}: {', '.join(failed)}"] if failed else []
    for shard, slugs in left_out.items():
        whose = f"whose shard {shard} {why[shard]}"
        said.append(f"Left out {len(slugs)} of {count}, {whose}: {', '.join(slugs)}")
    return said
