"""What a worker of this folder imports: a machine that is busy is no reason to give a move up."""

from datetime import timedelta
from functools import partial

from sharding.moves.types import MoveRequest
from tenants.rebalancing import mover

mover.MoveRequest = partial(MoveRequest, max_pause=timedelta(seconds=30))  # type: ignore[misc]
