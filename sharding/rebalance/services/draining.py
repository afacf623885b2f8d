"""Have a shard take nobody any more, so that a rebalance empties it; or take tenants again."""

from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction

from sharding.placements.errors import NoSuchShard
from sharding.placements.models import CONTROL, Placement, Shard
from sharding.placements.services.choosing import why_not
from sharding.placements.services.shards import set_shard_state
from sharding.placements.states import ShardState
from sharding.rebalance.errors import LastShard, ShardBeingMade


@dataclass(frozen=True, slots=True)
class DrainChange:
    """A shard's state before and after, and how many tenants are there."""

    shard: str
    before: str
    after: str
    tenants: int

    @property
    def changes_nothing(self) -> bool:
        """It was so before."""
        return self.before == self.after

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


def drain_shard(name: str, *, dry_run: bool = False) -> DrainChange:
    """Let shard `name` take nobody from now on. Its tenants are served until they are moved away.

    Locks: all shards' rows, so that two who drain the last two do not both succeed.
    Transaction: opens one on control.
    Idempotent.

    Raises:
        NoSuchShard, ShardBeingMade, LastShard: nothing was changed.
    """
    return _set(name, ShardState.DRAINING, dry_run=dry_run)


def undrain_shard(name: str, *, dry_run: bool = False) -> DrainChange:
    """Let shard `name` take tenants again.

    Locks, Transaction, Idempotent: as drain_shard.

    Raises:
        NoSuchShard, ShardBeingMade: nothing was changed.
    """
    return _set(name, ShardState.ACTIVE, dry_run=dry_run)


def _set(name: str, to: ShardState, *, dry_run: bool) -> DrainChange:
    with transaction.atomic(using=CONTROL):
        shards = {row.name: row for row in Shard.objects.using(CONTROL).select_for_update()}
        if name not in shards:
            raise NoSuchShard([name], known=shards)
        before = ShardState(shards[name].state)
        if before is ShardState.PREPARING:
            raise ShardBeingMade(name)
        others = (row for row in shards.values() if row.name != name and not why_not(row))
        if to is ShardState.DRAINING and before is not to and next(others, None) is None:
            raise LastShard(name)
        if not dry_run:
            set_shard_state(name, to)
    tenants = Placement.objects.using(CONTROL).filter(shard_id=name).count()
    return DrainChange(name, before, to, tenants)
