"""`export_recording`: what tenants have cost, day by day, as `simulate_rebalance` reads it."""

import csv
from typing import Any

from django.core.management.base import BaseCommand

from sharding.rebalance.services.recording import recorded_days
from sharding.rebalance.simulation.recorded import COLUMNS
from tenants.edge import errors_told


class Command(BaseCommand):
    help = (
        "Print what each tenant has cost on each day that control remembers, as CSV, for "
        "`simulate_rebalance --recorded`. Tenants bear their ids, which tell no customer. "
        "Changes nothing."
    )
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        out = csv.writer(self.stdout, lineterminator="\n")
        with errors_told():
            for number, recorded in enumerate(recorded_days()):
                if not number:
                    out.writerow(COLUMNS)
                out.writerow(recorded)
