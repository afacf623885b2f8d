"""`abort_move`: have a move taken back."""

from typing import Any

from sharding.moves.types import MoveReceipt
from tenants.edge import progress_of
from tenants.moving import services
from tenants.moving.command import MoveCommand


class Command(MoveCommand):
    help = (
        "Take a move back that has not switched: by its mover, which is told and does it at its "
        "next step, or here, if that one has died. Nothing of the move is left then."
    )

    def act(self, name: str, options: dict[str, Any]) -> MoveReceipt:
        return services.abort(name, tell=progress_of(self))
