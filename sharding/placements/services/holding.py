"""Keep a shard's breakers open by hand, in every process, for maintenance; and let them go.

What is wanted stands in the shard's row, and every process reads it with each heartbeat. So it is
there for processes that begin later, and nothing rests on anybody's hearing of it.
"""

from dataclasses import dataclass
from typing import Final

from django.db import transaction
from django.db.models.functions import Now

from sharding.placements.errors import HoldNeedsReason, ShardHeld
from sharding.placements.models import CONTROL, Shard
from sharding.placements.services.audit import record_audit
from sharding.placements.services.processes import live_processes
from sharding.placements.services.shards import find_shard
from sharding.pools.breaker import Hold

REASON_MOST: Final = 200


@dataclass(frozen=True, slots=True)
class Holding:
    """What holding or releasing did, or would do.

    Attributes:
        before, after: the hold that there was, and that there is now; None: it was not held.
        processes: how many live ones read it with their next heartbeat.
    """

    shard: str
    before: Hold | None
    after: Hold | None
    processes: int

    @property
    def is_changed(self) -> bool:
        """Whether it was not so already."""
        return self.before != self.after

    def to_json(self) -> dict[str, object]:
        """Plain values."""
        return {
            "shard": self.shard,
            "changed": self.is_changed,
            "before": _told(self.before),
            "after": _told(self.after),
            "processes": self.processes,
        }


def hold_shard(name: str, *, reason: str, dry_run: bool = False) -> Holding:
    """Have nobody served from shard `name` until it is released: its tenants get 503 at once.

    The server itself is not touched, and the owner's work goes on: migrations, backups. One that
    is held already gets the new reason, and stays held since when it was.

    Locks: the shard's row.
    Transaction: opens one on control.
    Idempotent.

    Raises:
        NoSuchShard, HoldNeedsReason: nothing was changed.
    """
    reason = " ".join(reason.split())[:REASON_MOST]
    if not reason:
        raise HoldNeedsReason(name)
    return _set(name, reason, dry_run=dry_run)


def release_shard(name: str, *, dry_run: bool = False) -> Holding:
    """Have shard `name` served again, by each process as soon as it has seen it answer.

    Locks: the shard's row.
    Transaction: opens one on control.
    Idempotent.

    Raises:
        NoSuchShard: nothing was changed.
    """
    return _set(name, "", dry_run=dry_run)


def refuse_held(name: str) -> None:
    """For who is told of no hold: a command has no heartbeat.

    Raises:
        ShardHeld: an operator holds shard `name`.
    """
    shard = Shard.objects.using(CONTROL).filter(name=name).first()
    hold = shard.hold if shard is not None else None
    if hold is not None:
        raise ShardHeld(name, reason=hold.reason, since=hold.since)


def _set(name: str, reason: str, *, dry_run: bool) -> Holding:
    """Hold with this reason; without one, release."""
    with transaction.atomic(using=CONTROL):
        shard = find_shard(name, lock=True)
        before = shard.hold
        if (before.reason if before else "") != reason:
            held_since = (before.since if before else Now()) if reason else None
            Shard.objects.using(CONTROL).filter(name=name).update(
                held_since=held_since, held_reason=reason
            )
            shard.refresh_from_db(using=CONTROL)
            record_audit(
                "shard.hold" if reason else "shard.release",
                name,
                before=_told(before) or {},
                after=_told(shard.hold) or {},
            )
        done = Holding(name, before, shard.hold, live_processes().count())
        if dry_run:
            transaction.set_rollback(True, using=CONTROL)
    return done


def _told(hold: Hold | None) -> dict[str, object] | None:
    if hold is None:
        return None
    return {"reason": hold.reason, "since": hold.since.isoformat()}
