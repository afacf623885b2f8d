"""`promote_shard`: have a shard's standby serve, and its old primary nobody any more."""

import json
import os
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharding.placements.management.commands.add_shard import ADMIN_VARIABLE
from sharding.placements.services.promoting import (
    Promotion,
    PromotionRequest,
    plan_promotion,
    promote_shard,
)
from sharding.placements.services.restored import Fate
from sharding.placements.telling import Exit, errors_told, registry_file_to_write
from sharding.registry.types import Endpoint


class Command(BaseCommand):
    help = (
        "Fail a shard over to its standby: have every process refuse the old primary, promote the "
        "standby (or take one that others have promoted), compare it with the directory and let "
        "it serve. Safe to run again after it was cut off. Exits with 1 when tenants have no good "
        "copy there, with 3 when processes have not heard of it yet."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the shard")
        parser.add_argument(
            "--host", help="address of the server that is to serve; default: as in the registry"
        )
        parser.add_argument("--port", type=int, help="default: as in the registry")
        parser.add_argument(
            "--pooled-host", help="address for requests, where a pooler stands before it"
        )
        parser.add_argument("--pooled-port", type=int)
        parser.add_argument(
            "--admin",
            default=os.environ.get(ADMIN_VARIABLE, ""),
            help="connection string of a superuser to the standby, kept nowhere "
            f"(or {ADMIN_VARIABLE}); not needed where others have promoted it",
        )
        parser.add_argument(
            "--wait",
            type=float,
            default=15,
            metavar="SECONDS",
            help="how long processes may take to hear of it (15); 0: wait for nobody",
        )
        parser.add_argument(
            "--although-it-serves",
            action="store_true",
            help="do it while the old primary still accepts writes",
        )
        parser.add_argument(
            "--confirm", metavar="NAME", default="", help="do not ask: the shard's name"
        )
        parser.add_argument("--dry-run", action="store_true", help="look, change nothing")
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        request = _request(options)
        with errors_told():
            plan = plan_promotion(request)
        self.stderr.write(_told(plan))
        if options["dry_run"]:
            if options["json"]:
                self.stdout.write(json.dumps(_to_json(plan), indent=2))
            return
        name = request.name
        if (options["confirm"] or _asked(name)) != name:
            raise CommandError("That is not its name. Nothing was changed.", returncode=Exit.USAGE)
        with errors_told():
            done = promote_shard(request, tell=self.stderr.write)
        if options["json"]:
            self.stdout.write(json.dumps(done.to_json(), indent=2))
        else:
            counts = ", ".join(f"{len(done.of(fate))} {fate}" for fate in Fate)
            self.stdout.write(
                f"{name}: {counts}.\nIt serves from {plan.after.direct}, as incarnation "
                f"{done.wanted}. Bring the registry file to every machine."
            )
        if lost := done.of(Fate.LOST):
            raise CommandError(
                f"{len(lost)} tenants have no good copy on {name}: "
                f"{', '.join(each.schema for each in lost)} (docs/runbooks/fail-over.md).",
                returncode=Exit.FAILED,
            )


def _request(options: dict[str, Any]) -> PromotionRequest:
    pooled = None
    if options["pooled_host"]:
        pooled = Endpoint(options["pooled_host"], options["pooled_port"] or 6432, "")
    return PromotionRequest(
        name=options["name"],
        registry_path=registry_file_to_write(),
        host=options["host"],
        port=options["port"],
        pooled=pooled,
        admin_conninfo=options["admin"],
        wait=timedelta(seconds=options["wait"]),
        although_it_serves=options["although_it_serves"],
    )


def _told(plan: Promotion) -> str:
    old, new = plan.before, plan.after
    state = "a standby" if plan.in_recovery else "a primary already"
    if plan.replayed_at is not None:
        state += f", its newest transaction is of {plan.replayed_at:%Y-%m-%d %H:%M:%S %Z}"
    return (
        f"{old.name}: from {old.direct} (incarnation {old.incarnation}) to {new.direct} "
        f"(incarnation {new.incarnation}), which is {state}"
    )


def _to_json(plan: Promotion) -> dict[str, Any]:
    return {
        "shard": plan.before.name,
        "before": {**asdict(plan.before.direct), "incarnation": plan.before.incarnation},
        "after": {**asdict(plan.after.direct), "incarnation": plan.after.incarnation},
        "in_recovery": plan.in_recovery,
        "replayed_at": plan.replayed_at.isoformat() if plan.replayed_at else None,
    }


def _asked(name: str) -> str:
    try:
        return input(f"Nobody is served by {name} until it is through. Type its name: ")
    except EOFError:
        return ""
