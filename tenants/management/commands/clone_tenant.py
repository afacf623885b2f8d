"""`clone_tenant`: make a tenant that is the copy of another one, or finish one that was cut off."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tenants.archives.services.cloning import CloneRequest, clone_tenant, plan_clone
from tenants.archives.telling import plan_text, receipt_text
from tenants.archives.wishes import NO_LABEL
from tenants.edge import add_dry_run, add_json, add_place, errors_told, progress_of


class Command(BaseCommand):
    help = (
        "Make a tenant with the rows and files of another one, as they are at one moment, on any "
        "shard. The original goes on working. Safe to run again after it was cut off anywhere."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="slug or id of the original")
        parser.add_argument("slug", help="the copy's part of the host name")
        parser.add_argument("--name", default="", help="what people call it (default: the slug)")
        add_place(parser, labels_default=f"what the original is pinned to; `{NO_LABEL}`: nothing")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        request = CloneRequest(
            of=options["tenant"],
            slug=options["slug"],
            name=options["name"],
            shard=options["shard"],
            domains=tuple(options["domain"]),
            labels=tuple(options["label"]),
        )
        with errors_told():
            if options["dry_run"]:
                plan = plan_clone(request)
                told, text = plan.to_json(), plan_text(plan)
            else:
                receipt = clone_tenant(request, tell=progress_of(self))
                told, text = receipt.to_json(), receipt_text(receipt)
        self.stdout.write(json.dumps(told, indent=2) if options["json"] else text)
