"""Have a tenant to oneself, and a move of it: one that begins, or one that somebody has left."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sharding.moves.conf import move_settings
from sharding.moves.errors import MoveRefused
from sharding.moves.models import Move
from sharding.moves.services import journal
from sharding.moves.services.preflight import plan_move
from sharding.moves.services.tokens import newest_token
from sharding.moves.services.work import Tell, Work, silent
from sharding.moves.types import MoveRequest
from sharding.placements.services.dead_holders import free_of_the_dead
from sharding.placements.services.keeping import kept
from sharding.placements.services.leases import Lease, lease
from sharding.registry import current as addresses

_PURPOSE: Final = "move"


@dataclass(frozen=True, slots=True)
class Hold:
    """A tenant's lease, renewed in the background.

    Attributes:
        lease: its token is newer than any that a mover has had on the shards in question.
        ours: raises LeaseLost once the lease is somebody else's.
    """

    lease: Lease
    ours: Callable[[], None]


@contextmanager
def held(tenant_id: str, *shards: str) -> Iterator[Hold]:
    """Keep movers of this tenant away for a block, older ones by the token on these shards.

    A shard that does not answer is left out: what is done there later is refused by its token.

    Raises:
        LeaseHeld: somebody else has it; nothing was changed.
        NoSuchPlacement: there is no such tenant.
        LeaseLost: at the end of the block, if it ran out meanwhile.
    """
    wanted = lease(tenant_id, _PURPOSE, move_settings().lease)
    with free_of_the_dead(wanted) as taken, kept(taken) as ours:
        servers = [addresses.shard(name) for name in shards]
        taken.raise_token(newest_token(tenant_id, *servers) + 1)
        yield Hold(taken, ours)


@contextmanager
def begun(request: MoveRequest, *, tell: Tell = silent) -> Iterator[Work]:
    """A move that nothing speaks against, written down; nothing is changed yet.

    Locks: the tenant's lease, for the block.
    Transaction: opens one on control; forbids an open one.

    Raises:
        MoveRefused, AlreadyMoving, LeaseHeld: nothing was changed.
    """
    plan = plan_move(request)
    if plan.refusals:
        raise MoveRefused(request.tenant_id, plan.refusals)
    with held(request.tenant_id, plan.source, request.target) as hold:
        move = journal.begin(
            plan.request,
            source=plan.source,
            token=hold.lease.token,
            mover=hold.lease.holder,
            size=plan.bytes,
        )
        with _at_work(move, plan.request, hold, tell) as work:
            yield work


@contextmanager
def taken_over(move: Move, hold: Hold, *, tell: Tell = silent) -> Iterator[Work]:
    """A move on which nobody works, made ours: its older movers change nothing in it any more.

    Locks: the caller holds the tenant's lease.

    Raises:
        Superseded: somebody with a newer token has it.
    """
    move = journal.take(move, token=hold.lease.token, mover=hold.lease.holder)
    request = MoveRequest.of(move.tenant_id, move.target, move.asked)
    with _at_work(move, request, hold, tell) as work:
        yield work


@contextmanager
def _at_work(move: Move, request: MoveRequest, hold: Hold, tell: Tell) -> Iterator[Work]:
    work = Work(move, request, hold.lease, hold.ours, tell)
    try:
        yield work
    finally:
        work.close_lanes()
