"""`change_plan`: how much of its shard a tenant may have."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tenants.edge import add_dry_run, add_json, errors_told
from tenants.plans import NO_PLAN
from tenants.services.change_plan import PlanChange, change_plan, plan_change


class Command(BaseCommand):
    help = (
        "Give a tenant one of the plans that ATOLL_PLANS names, or none: how many of its requests "
        "may be under way at a time, and how long a statement may take. Holds within seconds."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("tenant", help="its slug or id")
        parser.add_argument("plan", help=f"the plan's name; `{NO_PLAN}`: no plan")
        parser.add_argument("--reason", default="", help="kept in the audit")
        add_dry_run(parser)
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        words = (options["tenant"], options["plan"])
        with errors_told():
            done = (
                plan_change(*words)
                if options["dry_run"]
                else change_plan(*words, reason=options["reason"])
            )
        told = done.to_json() | {"done": not options["dry_run"]}
        self.stdout.write(
            json.dumps(told, indent=2)
            if options["json"]
            else _text(done, "would have" if options["dry_run"] else "has")
        )


def _text(done: PlanChange, verb: str) -> str:
    before, after = (f"plan {name}" if name else "no plan" for name in (done.before, done.after))
    who = f"{done.slug} ({done.tenant_id})"
    if done.changes_nothing:
        return f"{who} has {after} already"
    return f"{who} {verb} {after} from now on; it had {before}"
