"""`rename_tenant`: give a tenant another slug and host, and perhaps another name."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tenants.edge import add_dry_run, add_json, errors_told
from tenants.services.rename import Renaming, plan_renaming, rename_tenant


class Command(BaseCommand):
    help = (
        "Give a tenant another slug, and with it another host. The old host answers 404 from then "
        "on, and the old slug rests before anybody else may have it. Schema, role, files and "
        "further domains stay as they are."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="its slug or id")
        parser.add_argument("slug", help="the new slug")
        parser.add_argument("--name", default="", help="what people call it from then on")
        parser.add_argument("--reason", default="", help="kept in the audit")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        words, name = (options["tenant"], options["slug"]), options["name"]
        with errors_told():
            done = (
                plan_renaming(*words, name=name)
                if options["dry_run"]
                else rename_tenant(*words, name=name, reason=options["reason"])
            )
        told = done.to_json() | {"done": not options["dry_run"]}
        self.stdout.write(
            json.dumps(told, indent=2)
            if options["json"]
            else _text(done, "would be" if options["dry_run"] else "is")
        )


def _text(done: Renaming, verb: str) -> str:
    if done.changes_nothing:
        return f"{done.after} ({done.tenant_id}) is called so already"
    text = f"{done.before} ({done.tenant_id}) {verb} {done.after}, under {done.host_after}"
    if done.name_before != done.name_after:
        text += f", named {done.name_after}"
    if done.rests_until is not None:
        until = f"{done.rests_until:%Y-%m-%d %H:%M} UTC"
        text += f". {done.host_before} answers 404, and {done.before} rests until {until}"
    return text
