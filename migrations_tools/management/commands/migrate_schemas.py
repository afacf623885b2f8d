"""`migrate_schemas`: `migrate_fleet` under the name that people know, all in one wave."""

import json
from argparse import ArgumentParser
from typing import Any, Final

from migrations_tools.fleet.command import FleetCommand
from migrations_tools.fleet.requests import FleetReport, FleetRequest
from migrations_tools.fleet.states import Standing, StepState
from migrations_tools.fleet.types import Member, Shares

MOST_NAMED: Final = 20


class Command(FleetCommand):
    help = (
        "Bring control and tenants' schemas to the state of the code, all in one wave. One that "
        "fails is reported and the next one taken; then the exit status is 1. Safe to run again. "
        "`migrate_fleet` does the same with a canary, waves and an error budget."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_selection(parser)
        self.add_pace(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        request = FleetRequest(
            tenants=tuple(options["tenant"]),
            shards=tuple(options["shard"]),
            shares=Shares(percents=(100.0,), canary=False),
            lanes=self.lanes(options),
            budget="100%",
        )
        report = self.run_or_preview(request, options)
        if options["json"]:
            told = [_told(one, report) for one in report.plan.members]
            self.stdout.write(json.dumps(told, indent=2))
        else:
            self.show(report, as_json=False, planned=options["dry_run"])
        if not options["dry_run"]:
            self.end(report, lambda: again(request, report))


def _told(member: Member, report: FleetReport) -> dict[str, object]:
    """One schema, in the words that this command has always used."""
    end = report.ends.get(member.tenant_id)
    done = end is not None and end.state is StepState.DONE and member.key is not None
    route = report.routes[member.key] if done and member.key is not None else None
    skipped = member.standing is Standing.SKIPPED
    return {
        "tenant_id": member.tenant_id,
        "shard": member.shard,
        "migrations": list(route.pending) if route else [],
        "skipped": member.why if skipped else "",
        "error": end.said if end is not None and not done else ("" if skipped else member.why),
    }


def again(request: FleetRequest, report: FleetReport) -> str:
    """The command that takes whom this run has left behind.

    Too many to be named are found anew, among those that were asked for.
    """
    behind = [
        one.tenant_id
        for one in report.plan.members
        if one.standing in (Standing.WAITING, Standing.BEHIND)
        and not (
            (end := report.ends.get(one.tenant_id)) is not None and end.state is StepState.DONE
        )
    ]
    words = [f"--tenant {tenant_id}" for tenant_id in behind]
    if len(behind) > MOST_NAMED and not request.tenants:
        words = [f"--shard {name}" for name in request.shards]
    return " ".join(["manage.py migrate_schemas", *words])
