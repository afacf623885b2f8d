"""How a cell's move is brought to its end by others."""

from sharding.moves.errors import CopiesDiffer
from sharding.moves.models import Move
from sharding.moves.services.ending import DIFFER
from sharding.moves.services.recovering import recover_move
from sharding.placements.models import Placement
from tests.integration.moves.conftest import may_write
from tests.scenarios.moves.matrix.cells import Cell, Fault
from tests.scenarios.moves.matrix.ground import Ground


def recover_twice(ground: Ground, cell: Cell, tenant, move: Move) -> None:
    """A recovery that is killed on its way, and one that is not."""
    first = ground.mover("resume_move", str(move.pk), at=cell.killed_again)
    first.reached()
    first.kill()
    assert len([shard for shard in ("alpha", "beta") if may_write(tenant.id, shard)]) <= 1
    try:
        recover_move(str(move.pk))
    except CopiesDiffer:
        # The promoted source lacks what the old one had acknowledged. The target has all of it; a
        # person who has seen that lets it go on.
        assert cell.fault is Fault.PROMOTE_BEHIND
        found = Move.objects.using("control").get(pk=move.pk)
        serves = [shard for shard in ("alpha", "beta") if may_write(tenant.id, shard)]
        assert serves == [tenant.shard] == [found.target]
        seen = {name: what for name, what in found.result.items() if name != DIFFER}
        Move.objects.using("control").filter(pk=move.pk).update(result=seen)
        recover_move(str(move.pk))


def forget_lease(tenant_id: str) -> None:
    """A mover that control did not hear leaves its lease to run out. All of them have ended."""
    Placement.objects.using("control").filter(tenant_id=tenant_id).update(
        lease_holder="", lease_until=None
    )
