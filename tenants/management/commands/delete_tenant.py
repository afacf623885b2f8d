"""`delete_tenant`: close a tenant for good, with a while in which it can be restored."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tenants.edge import add_dry_run, add_json, errors_told
from tenants.services.delete import DeletionPlan, delete_tenant, plan_deletion
from tenants.services.errors import NotConfirmed, NothingToConfirm
from tenants.services.purge import PurgeReceipt, purge_tenant


class Command(BaseCommand):
    help = (
        "Delete a tenant. Its people get 404 at once; its data is kept for "
        "ATOLL_DELETION_GRACE_DAYS, in which `restore_tenant` brings it back, and is then purged. "
        "With --now it is purged at once, and that takes its slug."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="its slug or id")
        parser.add_argument("--reason", default="", help="kept in the audit")
        parser.add_argument("--now", action="store_true", help="purge it at once, for good")
        parser.add_argument(
            "--confirm", default="", metavar="SLUG", help="with --now: the slug, instead of asking"
        )
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            plan = plan_deletion(options["tenant"], now=options["now"])
            if options["dry_run"]:
                return self._tell(plan.to_json(), options, _plan_text(plan))
            if not options["now"]:
                if options["confirm"]:
                    raise NothingToConfirm(plan.slug)
                deleted = delete_tenant(plan.tenant_id, reason=options["reason"])
                told = plan.to_json() | {"state": deleted.state}
                return self._tell(told, options, _deleted_text(plan))
            self._confirm(plan, options["confirm"])
            delete_tenant(plan.tenant_id, reason=options["reason"])
            receipt = purge_tenant(plan.tenant_id, early=True, tell=self.stderr.write)
        return self._tell(receipt.to_json(), options, _purged_text(receipt))

    def _confirm(self, plan: DeletionPlan, said: str) -> None:
        if not said and sys.stdin.isatty():
            self.stderr.write(_plan_text(plan))
            said = input(f"Type {plan.slug} to purge it for good: ").strip()
        if said != plan.slug:
            raise NotConfirmed(plan.slug, said=said)

    def _tell(self, data: dict[str, Any], options: dict[str, Any], text: str) -> None:
        self.stdout.write(json.dumps(data, indent=2) if options["json"] else text)


def _plan_text(plan: DeletionPlan) -> str:
    head = f"{plan.slug} ({plan.tenant_id}) on {plan.shard} is {plan.state}:"
    steps = [f"  {number}. {step}" for number, step in enumerate(plan.steps, start=1)]
    return "\n".join([head, *(steps or ["  nothing is left to do"])])


def _deleted_text(plan: DeletionPlan) -> str:
    already = " already" if plan.state == "deleted" else ""
    who = f"{plan.slug} ({plan.tenant_id}) is deleted{already}"
    if plan.purge_after is None:
        return f"{who}, and its purge has begun: `manage.py purge_deleted` finishes it"
    return (
        f"{who}. Its data is kept until {plan.purge_after:%Y-%m-%d %H:%M} UTC; until then "
        f"`manage.py restore_tenant {plan.slug}` brings it back"
    )


def _purged_text(receipt: PurgeReceipt) -> str:
    return (
        f"{receipt.slug} ({receipt.tenant_id}) is gone from {receipt.shard}: "
        f"{receipt.tables} tables and {receipt.files} files"
    )
