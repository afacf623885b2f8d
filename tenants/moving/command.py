"""What the commands that change one move have in common: all but what they do to it."""

import json
from abc import ABC, abstractmethod
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from sharding.moves.types import MoveReceipt
from tenants.edge import add_json, errors_told
from tenants.moving.arguments import ended_as_by_ctrl_c
from tenants.moving.telling import receipt_text


class MoveCommand(BaseCommand, ABC):
    """Takes the name of a move, does something with it, tells how it stands."""

    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("move", help="its number, or slug or id of a tenant: the newest of it")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and tell what came of it."""
        with errors_told(), ended_as_by_ctrl_c():
            receipt = self.act(options["move"], options)
        told, text = receipt.to_json(), receipt_text(receipt)
        self.stdout.write(json.dumps(told, indent=2) if options["json"] else text)

    @abstractmethod
    def act(self, name: str, options: dict[str, Any]) -> MoveReceipt:
        """Do to the move of this name what the command is for."""
