"""`pooler`: PgBouncer's console, for whoever may read its files."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from sharding.placements.telling import errors_told
from sharding.pools.pgbouncer.console import SHOWN, Console


class Command(BaseCommand):
    help = (
        "Ask or steer the PgBouncer whose files `write_pgbouncer_config` wrote. `reload` exits "
        "with 1 when PgBouncer goes on with other values than its files have."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="of PgBouncer's files")
        verbs = parser.add_subparsers(dest="verb", required=True)
        show = verbs.add_parser("show", help="one of PgBouncer's tables")
        show.add_argument("what", choices=sorted(SHOWN))
        show.add_argument("--json", action="store_true")
        verbs.add_parser("reload", help="read the files again")
        pause = verbs.add_parser("pause", help="hold clients, once what runs has ended")
        resume = verbs.add_parser("resume", help="let held clients go on")
        for verb in (pause, resume):
            verb.add_argument("database", nargs="?", default="", help="default: all")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            console = Console(options["folder"])
            match options["verb"]:
                case "show":
                    self._show(console, options["what"], as_json=options["json"])
                case "reload":
                    console.reload()
                    self.stdout.write("PgBouncer has taken its files.")
                case "pause":
                    console.pause(options["database"])
                    self.stdout.write("Paused. `resume` lets clients go on.")
                case "resume":
                    console.resume(options["database"])
                    self.stdout.write("Resumed.")

    def _show(self, console: Console, what: str, *, as_json: bool) -> None:
        rows = console.show(what)
        if as_json:
            self.stdout.write(json.dumps(rows, indent=2, default=str))
            return
        for row in rows:
            told = (f"{name}={value}" for name, value in row.items() if value not in (None, ""))
            self.stdout.write("  ".join(told))
