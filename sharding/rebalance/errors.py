"""What sharding.rebalance refuses.

RebalanceError
├── InvalidCapacity
├── InvalidGroup
├── LastShard
├── ShardBeingMade
├── ShardNotEmpty
├── RebalanceUnderWay
├── NoRebalance
├── WrongRebalanceState
├── OtherPlan
└── NothingRecorded
"""

from collections.abc import Sequence
from typing import ClassVar


class RebalanceError(Exception):
    """Something about where tenants shall be cannot be as asked."""

    code: ClassVar[str] = "rebalance"
    retryable: ClassVar[bool] = False


class InvalidCapacity(RebalanceError):
    """What a shard bears was said in a way that makes no sense."""

    code = "rebalance.invalid_capacity"

    def __init__(self, what: str, typed: object, wanted: str) -> None:
        super().__init__(
            f"{str(typed)[:40]!r} is nothing that {what} can be: give {wanted}. "
            "Nothing was changed."
        )


class InvalidGroup(RebalanceError):
    """The name of a group cannot be used."""

    code = "rebalance.invalid_group"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name[:80]!r} is no name for a group: give 1 to 60 lower-case letters, digits and "
            "hyphens, a letter first. Nothing was changed."
        )


class LastShard(RebalanceError):
    """No other shard would take the tenants of this one, or new ones."""

    code = "rebalance.last_shard"

    def __init__(self, shard: str) -> None:
        self.shard = shard
        super().__init__(
            f"{shard!r} is the only shard that takes tenants, so it cannot be drained: add another "
            "one first (`manage.py add_shard`). Nothing was changed."
        )


class ShardBeingMade(RebalanceError):
    """A shard is not ready yet."""

    code = "rebalance.being_made"

    def __init__(self, shard: str) -> None:
        self.shard = shard
        super().__init__(
            f"{shard!r} is still being prepared: run its `manage.py add_shard` again first. "
            "Nothing was changed."
        )


class ShardNotEmpty(RebalanceError):
    """A shard cannot be removed: something is still there."""

    code = "rebalance.not_empty"

    def __init__(self, shard: str, left: Sequence[str]) -> None:
        self.shard = shard
        self.left = tuple(left)
        super().__init__(f"Shard {shard!r} is not removed: {'; '.join(left)}. Nothing was changed.")


class RebalanceUnderWay(RebalanceError):
    """There is one that has not ended; two would undo each other's work."""

    code = "rebalance.under_way"

    def __init__(self, number: int, state: str) -> None:
        self.number = number
        super().__init__(
            f"Rebalance {number} is {state}, and there is one at a time. Look at it with "
            "`manage.py rebalance_shards --status`, end it with `--stop`, then plan anew. "
            "Nothing was changed."
        )


class NoRebalance(RebalanceError):
    """There is none that this could be about."""

    code = "rebalance.none"

    def __init__(self) -> None:
        super().__init__(
            "There is no rebalance under way. `manage.py rebalance_shards --dry-run` shows what "
            "one would do. Nothing was changed."
        )


class WrongRebalanceState(RebalanceError):
    """A rebalance cannot go on so from where it is."""

    code = "rebalance.wrong_state"

    def __init__(self, number: int, *, found: str, wanted: str) -> None:
        self.number = number
        super().__init__(
            f"Rebalance {number} is {found} and cannot become {wanted}. Nothing was changed."
        )


class OtherPlan(RebalanceError):
    """Somebody said yes to a plan that is not the one at hand any more."""

    code = "rebalance.other_plan"
    retryable = True

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(
            f"The plan of rebalance {number} was made anew since you looked at it. Nothing was "
            "begun: look at it again."
        )


class NothingRecorded(RebalanceError):
    """Nobody has counted what tenants use."""

    code = "rebalance.nothing_recorded"

    def __init__(self) -> None:
        super().__init__(
            "Nothing is recorded so far: processes that serve tenants tell control what these use "
            "every 30 seconds at the latest, and beat keeps it (`manage.py shard_report`)."
        )
