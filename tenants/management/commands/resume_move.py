"""`resume_move`: bring a move to its end whose mover has died."""

from typing import Any

from sharding.moves.types import MoveReceipt
from tenants.edge import progress_of
from tenants.moving import services
from tenants.moving.command import MoveCommand


class Command(MoveCommand):
    help = (
        "End a move whose mover has died: before the switch it is taken back, after it it is "
        "finished. What the shards say decides, not this command."
    )

    def act(self, name: str, options: dict[str, Any]) -> MoveReceipt:
        return services.resume(name, tell=progress_of(self))
