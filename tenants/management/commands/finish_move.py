"""`finish_move`: end the soak of a move."""

from typing import Any

from sharding.moves.types import MoveReceipt
from tenants.edge import progress_of
from tenants.moving import services
from tenants.moving.command import MoveCommand


class Command(MoveCommand):
    help = (
        "End the soak of a move: the way back is given up, the streams end and the copy that the "
        "tenant came from is dropped."
    )

    def act(self, name: str, options: dict[str, Any]) -> MoveReceipt:
        return services.finish(name, tell=progress_of(self))
