"""What rebalancing needs from layers above it; they register it at start-up.

Moves are a neighbour of this package, not below it, and what people call a tenant is known above.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from sharding.rebalance.core.copying import Copied


class Ended(StrEnum):
    """How a move ended for whoever asked for it."""

    MOVED = "moved"
    """The tenant lives at the target."""

    REFUSED = "refused"
    """Nothing was changed."""

    TAKEN_BACK = "taken_back"
    """The tenant is where it was, and nothing of the move is left, or what is left is owed."""

    HELD = "held"
    """It is journaled, and somebody ends it when a server is back."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a move.

    Attributes:
        may_try_again: a later attempt has a chance: somebody was in the way.
        pause_ms: how long the tenant's writes paused; None: they did not, or nobody knows.
        said: why, one or two sentences; empty when it moved.
    """

    ended: Ended
    move_id: int | None = None
    may_try_again: bool = False
    pause_ms: float | None = None
    said: str = ""


class Mover(Protocol):
    """Takes one tenant to another shard."""

    def move(self, tenant_id: str, target: str, *, asked_by: str) -> Outcome:
        """Move it, and say how that ended. Errors of servers are an outcome too."""

    def outcome_of(self, tenant_id: str, target: str, *, since: datetime) -> Outcome | None:
        """What became of its newest move there that began since then; None: there is none.

        One that is under way is HELD, without `said` if somebody works on it. One whose mover has
        died is ended first, if its servers answer.
        """

    def under_way(self) -> Mapping[str, str]:
        """The tenants that are on their way now, with where to."""

    def arrived(self, *, since: datetime) -> Mapping[str, datetime]:
        """When tenants last came to where they are, of those that came since then."""

    def left_on(self, shard: str) -> tuple[str, ...]:
        """What moves have still to do on a shard, a phrase each."""

    def usual_pause(self) -> timedelta | None:
        """How long writes paused in the last moves; None: nobody knows yet."""

    def copied_lately(self) -> Sequence[Copied]:
        """What the last moves have copied, and how long that took."""


class Tenants(Protocol):
    """What is known of tenants beside their places."""

    def slugs(self, tenant_ids: Collection[str]) -> Mapping[str, str]:
        """What people call them; those that are gone are left out."""

    def busy(self) -> Mapping[str, str]:
        """Those that nobody may move now, with a word that says why."""


class NoMover:
    """Stands in until somebody registers."""

    def move(self, tenant_id: str, target: str, *, asked_by: str) -> Outcome:
        return Outcome(Ended.REFUSED, said="Nothing that is installed can move a tenant.")

    def outcome_of(self, tenant_id: str, target: str, *, since: datetime) -> Outcome | None:
        return None

    def under_way(self) -> Mapping[str, str]:
        return {}

    def arrived(self, *, since: datetime) -> Mapping[str, datetime]:
        return {}

    def left_on(self, shard: str) -> tuple[str, ...]:
        return ()

    def usual_pause(self) -> timedelta | None:
        return None

    def copied_lately(self) -> Sequence[Copied]:
        return ()


class NoTenants:
    """Stands in until somebody registers: nothing is known but ids."""

    def slugs(self, tenant_ids: Collection[str]) -> Mapping[str, str]:
        return {}

    def busy(self) -> Mapping[str, str]:
        return {}


mover: Mover = NoMover()
tenants: Tenants = NoTenants()

Tell = Callable[[str], object]


def register_mover(made: Mover) -> None:
    """`tenants` says here how a tenant is moved."""
    global mover
    mover = made


def register_tenants(made: Tenants) -> None:
    """`tenants` says here what people call tenants, and who is busy."""
    global tenants
    tenants = made


def names_of(tenant_ids: Collection[str]) -> dict[str, str]:
    """What people call these tenants; their ids where nobody has a name."""
    slugs = tenants.slugs(tenant_ids)
    return {tenant_id: slugs.get(tenant_id, tenant_id) for tenant_id in tenant_ids}
