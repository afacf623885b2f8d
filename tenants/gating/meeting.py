"""Find out whether what a request or task met was its tenant's move."""

from dataclasses import dataclass
from typing import Final

from django.db import DatabaseError

from sharding.placements.models import CONTROL, Placement
from sharding.placements.states import PlacementState
from sharding.registry.errors import RegistryError
from sharding.scope.latch import Latch
from tenants.directory.lookup import directory
from tenants.directory.types import Entry, HostKey, IdKey
from tenants.gating.process import gates

_AWAY: Final = (DatabaseError, RegistryError)

PAUSE_S: Final = 0.05
"""How long this process lets nobody in who would meet the same again."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A placement, as far as it tells whether its tenant moves."""

    state: PlacementState
    epoch: int


def is_move(epoch: int, now: Whereabouts | None) -> bool:
    """Whether "not found" at `epoch` comes from a move. Pure; None: nobody can say."""
    return now is not None and (now.state is PlacementState.MOVING or now.epoch != epoch)


def met_a_move(latch: Latch, entry: Entry | None = None) -> bool:
    """Whether the tenant moves or has moved; if so, this process knows where it is from now on.

    Asks control, but only where the latch holds something. A fence is a move, whoever can say
    where to.

    entry: what the request was served by.
    """
    place = latch.met
    if place is None:
        return False
    now = _whereabouts(place.tenant_id)
    if latch.refused is None and not is_move(place.epoch, now):
        return False
    if now is None or (now.state is PlacementState.READY and now.epoch == place.epoch):
        gates().closures.close(place.tenant_id, epoch=place.epoch, seconds=PAUSE_S)
    _learn(place.tenant_id, entry)
    return True


def _whereabouts(tenant_id: str) -> Whereabouts | None:
    placements = Placement.objects.using(CONTROL).filter(tenant_id=tenant_id)
    try:
        found = placements.values_list("state", "epoch").first()
    except _AWAY:
        return None
    return None if found is None else Whereabouts(PlacementState(found[0]), found[1])


def _learn(tenant_id: str, entry: Entry | None) -> None:
    by_id = IdKey(tenant_id)
    served = entry if entry is not None and entry.tenant_id == tenant_id else None
    try:
        # First, since it may fail: an old answer is better than none while control is away.
        directory().read(by_id)
        directory().forget(tenant_id, [])
        # Read, and so told to Redis as well: what it was may still stand there.
        directory().read(by_id if served is None else HostKey(served.host))
    except _AWAY:
        return
