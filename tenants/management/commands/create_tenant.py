"""`create_tenant`: make a tenant, or finish one that was cut off."""

import getpass
import json
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharding.placements.telling import Exit
from tenants.edge import add_dry_run, add_json, add_place, errors_told, progress_of
from tenants.plans import NO_PLAN
from tenants.services.provision import plan_provision, provision_tenant
from tenants.services.types import ProvisionReceipt, ProvisionRequest
from tenants.undo_option import add_undo, undo

PASSWORD_VARIABLE = "ATOLL_ADMIN_PASSWORD"


class Command(BaseCommand):
    help = (
        "Make a tenant: its slug, hosts, schema and first admin. Safe to run again after it was "
        "cut off anywhere: the same command finishes the work, and changes nothing when it is done."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="its part of the host name: a-z, 0-9 and hyphens")
        parser.add_argument("--name", default="", help="what people call it (default: the slug)")
        add_place(parser)
        parser.add_argument("--plan", default="", help="one of ATOLL_PLANS (default: none)")
        parser.add_argument(
            "--admin-email", default="", help="make a first admin with this address"
        )
        parser.add_argument(
            "--admin-password",
            help=f"and this password; better: the variable {PASSWORD_VARIABLE}, or type it",
        )
        add_undo(parser, "what an unfinished run has made")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["undo"]:
            data, text = undo(options["slug"], dry_run=options["dry_run"])
            return self._tell(data, options, text)
        request = _request(options)
        with errors_told():
            if options["dry_run"]:
                plan = plan_provision(request)
                return self._tell(plan.to_json(), options, _plan_text(plan.to_json()))
            try:
                receipt = provision_tenant(request, tell=progress_of(self))
            except KeyboardInterrupt:
                raise CommandError(
                    f"Cut off. Finish it: manage.py create_tenant {request.slug} … as before",
                    returncode=Exit.PAUSED,
                ) from None
        return self._tell(receipt.to_json(), options, _receipt_text(receipt, request))

    def _tell(self, data: dict[str, Any], options: dict[str, Any], text: str) -> None:
        self.stdout.write(json.dumps(data, indent=2) if options["json"] else text)


def _request(options: dict[str, Any]) -> ProvisionRequest:
    password = options["admin_password"] or os.environ.get(PASSWORD_VARIABLE)
    email = options["admin_email"]
    if email and password is None and sys.stdin.isatty() and not options["dry_run"]:
        password = getpass.getpass(f"Password of {email}: ") or None
    return ProvisionRequest(
        slug=options["slug"],
        name=options["name"],
        shard=options["shard"],
        domains=tuple(options["domain"]),
        labels=tuple(options["label"]),
        plan="" if options["plan"] == NO_PLAN else options["plan"],
        admin_email=email,
        admin_password=password if email or options["admin_password"] else None,
    )


def _receipt_text(receipt: ProvisionReceipt, request: ProvisionRequest) -> str:
    who = f"{receipt.slug} ({receipt.tenant_id})"
    if not receipt.created:
        return f"{who} is there already, nothing changed"
    text = f"{who} is on {receipt.placement.shard}: {', '.join(receipt.hosts)}"
    if request.admin_email and request.admin_password is None:
        text += (
            f"\nNobody can sign in yet: manage.py tenant_command -t {receipt.slug} "
            f"changepassword {request.admin_email}"
        )
    return text


def _plan_text(plan: dict[str, Any]) -> str:
    head = f"{plan['slug']} on {plan['shard']}, to be reached under {', '.join(plan['hosts'])}:"
    steps = [f"  {number}. {step}" for number, step in enumerate(plan["steps"], start=1)]
    return "\n".join([head, *(steps or ["  nothing is left to do"])])
