"""`fleet_status`: who is where and why, in one screen."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from migrations_tools.fleet.command import FleetCommand, errors_told
from migrations_tools.fleet.status import (
    fleet_status,
    member_lines,
    status_json,
    status_lines,
)


class Command(FleetCommand):
    help = (
        "Show at which state tenants' schemas are, what they lack, who is left alone and why, and "
        "the last fleet migration. Asks control and, once each, the shards; changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        self.add_selection(parser)
        parser.add_argument(
            "--check", action="store_true", help="exit 1 if a schema that serves lacks anything"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            status = fleet_status(tenants=tuple(options["tenant"]), shards=tuple(options["shard"]))
        if options["json"]:
            self.stdout.write(json.dumps(status_json(status), indent=2))
        else:
            lines = member_lines(status) if options["tenant"] else status_lines(status)
            for line in lines:
                self.stdout.write(line)
        if options["check"] and status.behind:
            raise CommandError(
                f"{status.behind} schemas are not known to have the state of the code: "
                "manage.py migrate_fleet"
            )
