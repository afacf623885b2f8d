"""`finish_move`: end the soak of a move."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from tenants.edge import add_json, errors_told
from tenants.moving import services
from tenants.moving.telling import receipt_text


class Command(BaseCommand):
    help = (
        "End the soak of a move: the way back is given up, the streams end and the copy that the "
        "tenant came from is dropped."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("move", help="its number, or slug or id of a tenant: the newest of it")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_told():
            receipt = services.finish(options["move"], tell=self._progress)
        told, text = receipt.to_json(), receipt_text(receipt)
        self.stdout.write(json.dumps(told, indent=2) if options["json"] else text)

    def _progress(self, line: str) -> None:
        self.stderr.write(line, self.style.HTTP_INFO)
