"""manage.py demo."""

import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from devstack.demo.plan import ROOT
from devstack.demo.run import DemoRequest, run_demo
from devstack.errors import DevstackError


class Command(BaseCommand):
    help = "Run the whole product on this machine: shards, Redis, web server, workers, tenants."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port",
            type=int,
            default=int(os.environ.get("ATOLL_DEMO_PORT", "8000")),
            help="of the web server on 127.0.0.1; 0 takes a free one (ATOLL_DEMO_PORT, 8000)",
        )
        parser.add_argument(
            "--folder",
            type=Path,
            default=Path(os.environ.get("ATOLL_DEVSTACK_DIR", ROOT / ".devstack")),
            help="where everything is kept (ATOLL_DEVSTACK_DIR, .devstack)",
        )
        parser.add_argument(
            "--ready-file", type=Path, help="written when all is up: port, processes, sign-ins"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            run_demo(
                DemoRequest(
                    folder=options["folder"].absolute(),
                    port=options["port"],
                    ready_file=options["ready_file"],
                )
            )
        except DevstackError as error:
            raise CommandError(str(error)) from error
