"""manage.py demo."""

import os
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from devstack.demo.plan import ROOT
from devstack.demo.run import DemoRequest, run_demo
from devstack.errors import DevstackError

_PORT_VARIABLE: Final = "ATOLL_DEMO_PORT"


class Command(BaseCommand):
    help = "Run the whole product on this machine: shards, Redis, web server, workers, tenants."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port",
            type=_port,
            # argparse reads a default that is text as if it had been typed.
            default=os.environ.get(_PORT_VARIABLE) or "8000",
            help=f"of the web server on 127.0.0.1; 0 takes a free one ({_PORT_VARIABLE}, 8000)",
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


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise ArgumentTypeError(
            f"{text[:20]!r} is no port: a number from 0 to 65535, typed or in {_PORT_VARIABLE}"
        )
    return int(text)
