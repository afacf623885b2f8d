"""`pool_budget`: what every pool may open, so that all of them fit their servers."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharding.placements.services.budgeting import Budget, make_budget
from sharding.placements.telling import Exit, errors_told


class Command(BaseCommand):
    help = (
        "Compute from ATOLL_PROCESS_GROUPS and the servers' max_connections what every pool may "
        "open: psycopg-pool's in the processes, PgBouncer's before the servers. What does not fit "
        "is told, with what to change."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--offline", action="store_true", help="ask no server; ATOLL_SERVER_LIMITS counts"
        )
        parser.add_argument(
            "--check", action="store_true", help="exit with 1 unless all of it fits"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            budget = make_budget(offline=options["offline"])
        if options["json"]:
            self.stdout.write(json.dumps(_to_json(budget), indent=2))
        else:
            self._show(budget)
        if options["check"] and budget.problems:
            raise CommandError(
                f"It does not fit ({len(budget.problems)} problems).", returncode=Exit.FAILED
            )

    def _show(self, budget: Budget) -> None:
        row = "{:<22} {:<16} {:>5} {:>4} {:>6} {:>6}"
        self.stdout.write(row.format("SERVER", "DATABASES", "MOST", "KEPT", "ROOM", "OPENED"))
        for server in budget.plan.servers:
            most = server.limits.max_connections - server.limits.reserved if server.limits else "?"
            room = "?" if server.room is None else server.room
            names = ",".join(server.databases)
            self.stdout.write(
                row.format(server.server, names, most, server.kept, room, server.opened)
            )
        row = "{:<22} {:<16} {:>9} {:>7} {:>6}"
        self.stdout.write("\n" + row.format("GROUP", "DATABASE", "PROCESSES", "THREADS", "POOL"))
        for pool in budget.plan.processes:
            self.stdout.write(
                row.format(pool.group, pool.database, pool.processes, pool.threads, pool.size)
            )
        for each in budget.plan.poolers:
            clients = f"{each.clients} clients"
            self.stdout.write(row.format("PgBouncer", each.database, clients, "", each.size))
        for note in budget.plan.notes:
            self.stderr.write(f"note: {note}")
        for problem in budget.problems:
            self.stderr.write(f"does not fit: {problem}")


def _to_json(budget: Budget) -> dict[str, Any]:
    plan = budget.plan
    return {
        "fits": not budget.problems,
        "problems": list(budget.problems),
        "notes": list(plan.notes),
        "servers": [asdict(server) for server in plan.servers],
        "processes": [asdict(pool) for pool in plan.processes],
        "poolers": [asdict(pool) for pool in plan.poolers],
    }
