"""What can be set about rebalancing."""

from dataclasses import dataclass
from datetime import timedelta

from sharding.rebalance.core.types import Policy
from sharding.typed_settings import SettingsReader


@dataclass(frozen=True, slots=True)
class RebalanceSettings:
    """Settings of this package.

    Attributes:
        use_by_minutes: ATOLL_USE_BY_MINUTES_HOURS. For how long what tenants use is kept by spans
            of five minutes; later by hours.
        use_by_hours: ATOLL_USE_BY_HOURS_DAYS. For how long it is kept by hours.
        sized_at_once: ATOLL_SIZED_AT_ONCE. How many schemas of a shard are measured in one round,
            of those that have grown; the rest in the next rounds.
        enter: ATOLL_REBALANCE_ENTER. A shard that has more than its fair share by more than this
            part is relieved …
        leave: ATOLL_REBALANCE_LEAVE. … down to this part more than its fair share.
        floor: ATOLL_REBALANCE_FLOOR. Up to this part of its capacity no shard is too full.
        cooldown: ATOLL_REBALANCE_COOLDOWN_DAYS. So long a tenant that was moved stays, unless its
            shard is drained.
        at_once: ATOLL_REBALANCE_MOVES. Moves of a rebalance that are under way at a time, on all
            shards together; each shard has a limit of its own.
    """

    use_by_minutes: timedelta
    use_by_hours: timedelta
    sized_at_once: int
    enter: float
    leave: float
    floor: float
    cooldown: timedelta
    at_once: int

    def policy(self) -> Policy:
        """The planner's policy, as far as it can be set; `leave` is never more than `enter`."""
        return Policy(
            enter=self.enter,
            leave=min(self.leave, self.enter),
            floor=self.floor,
            cooldown=self.cooldown,
        )


def rebalance_settings() -> RebalanceSettings:
    """The settings as they are now.

    Raises:
        InvalidSettings: some say what they cannot.
    """
    with SettingsReader() as read:
        return RebalanceSettings(
            use_by_minutes=read.hours("ATOLL_USE_BY_MINUTES_HOURS", 3),
            use_by_hours=read.days("ATOLL_USE_BY_HOURS_DAYS", 8),
            sized_at_once=read.whole("ATOLL_SIZED_AT_ONCE", 300),
            enter=read.part("ATOLL_REBALANCE_ENTER", 0.10),
            leave=read.part("ATOLL_REBALANCE_LEAVE", 0.05),
            floor=read.part("ATOLL_REBALANCE_FLOOR", 0.30),
            cooldown=read.days("ATOLL_REBALANCE_COOLDOWN_DAYS", 7, may_be_none=True),
            at_once=read.whole("ATOLL_REBALANCE_MOVES", 4),
        )
