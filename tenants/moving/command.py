"""What the commands that change one move have in common: all but what they do to it."""

import json
from abc import ABC, abstractmethod
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sharding.moves.core.states import MoveState
from sharding.moves.models import Move
from sharding.moves.types import MoveReceipt
from sharding.placements.telling import Exit, terminated_as_interrupted
from tenants.edge import add_json, errors_told
from tenants.moving import services
from tenants.moving.telling import receipt_text


@contextmanager
def interruptible(name: str) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end what works on a move in the block, and say where that is then.

    name: of the move, or of its tenant.

    Raises:
        CommandError: it was interrupted.
    """
    before = services.newest(name)
    try:
        with terminated_as_interrupted():
            yield
    except KeyboardInterrupt as error:
        move = services.newest(name)
        told, status = _interrupted(before, move)
        raise CommandError(f"Interrupted. {told}", returncode=status) from error


def _interrupted(before: Move | None, move: Move | None) -> tuple[str, Exit]:
    if move is None or (before is not None and before.pk == move.pk and not _is_live(before)):
        return "Nothing had been begun.", Exit.FAILED
    if move.state == MoveState.ABORTED:
        told = f"Move {move.pk} was taken back; the tenant is on {move.source}, as before."
        return told, Exit.FAILED
    if not _is_live(move) or move.state == MoveState.SOAKING:
        return f"Move {move.pk} is {move.state}.", Exit.FAILED
    told = f"Move {move.pk} is {move.state}: `manage.py resume_move {move.pk}` goes on with it."
    return told, Exit.PAUSED


def _is_live(move: Move) -> bool:
    return MoveState(move.state).is_live


class MoveCommand(BaseCommand, ABC):
    """Takes the name of a move, does something with it, tells how it stands."""

    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("move", help="its number, or slug or id of a tenant: the newest of it")
        add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and tell what came of it."""
        with errors_told(), interruptible(options["move"]):
            receipt = self.act(options["move"], options)
        told, text = receipt.to_json(), receipt_text(receipt)
        self.stdout.write(json.dumps(told, indent=2) if options["json"] else text)

    @abstractmethod
    def act(self, name: str, options: dict[str, Any]) -> MoveReceipt:
        """Do to the move of this name what the command is for."""
