"""What sharding.placements refuses.

PlacementError
├── NoSuchPlacement
├── NoSuchShard
├── WrongPlacementState
├── PlacementChanged
├── LeaseHeld
├── LeaseLost
├── ShardUnavailable
│   └── NoShardAvailable
├── IdsInUse
├── ShardNameTaken
├── ShardNotRestored
├── ShardSealed
├── HoldNeedsReason
├── ShardHeld
├── ShardStillServes
├── NotPromoted
├── ProcessesBehind
├── NoProcessGroups
├── BudgetDoesNotFit
├── TooFewTenants
└── InvalidShardName
"""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar


class PlacementError(Exception):
    """A placement or a shard is not as it must be."""

    code: ClassVar[str] = "placements"
    retryable: ClassVar[bool] = False


class NoSuchPlacement(PlacementError):
    """A tenant has no placement."""

    code = "placements.unknown"

    def __init__(self, tenant_id: str) -> None:
        self.tenant_id = tenant_id
        super().__init__(
            f"Tenant id {tenant_id[:80]!r} has no placement. `manage.py list_tenants` shows the "
            "ids and slugs of all tenants."
        )


class NoSuchShard(PlacementError):
    """No shard has this name."""

    code = "placements.unknown_shard"

    def __init__(self, names: Iterable[str], *, known: Iterable[str]) -> None:
        self.names = tuple(names)
        told = ", ".join(known)
        super().__init__(
            f"There is no shard {', '.join(repr(name[:80]) for name in self.names)}. "
            + (f"Known are: {told}." if told else "Add one with `manage.py add_shard`.")
        )


class WrongPlacementState(PlacementError):
    """A placement cannot go from the state it is in to the one asked for."""

    code = "placements.wrong_state"

    def __init__(self, tenant_id: str, *, found: str, wanted: str) -> None:
        self.tenant_id = tenant_id
        self.found = found
        super().__init__(
            f"The placement of {tenant_id} is {found} and cannot become {wanted}. Nothing changed."
        )


class PlacementChanged(PlacementError):
    """Somebody else changed the placement since it was read."""

    code = "placements.changed"
    retryable = True

    def __init__(self, tenant_id: str, *, found: int, expected: int) -> None:
        self.tenant_id = tenant_id
        super().__init__(
            f"The placement of {tenant_id} is at epoch {found}, not {expected}: somebody changed "
            "it meanwhile. Nothing changed; read it again and decide anew."
        )


class LeaseHeld(PlacementError):
    """Somebody else is changing this tenant's schema or place."""

    code = "placements.lease_held"
    retryable = True

    def __init__(self, tenant_id: str, *, holder: str, purpose: str, until: datetime) -> None:
        self.tenant_id = tenant_id
        self.holder = holder
        self.purpose = purpose
        self.until = until
        super().__init__(
            f"{holder} holds the lease of {tenant_id} for {purpose!r} until "
            f"{until:%Y-%m-%d %H:%M:%S %Z}. Wait for it; a holder that died loses it then."
        )


class LeaseLost(PlacementError):
    """Our lease ran out and somebody else may have taken it."""

    code = "placements.lease_lost"
    retryable = True

    def __init__(self, tenant_id: str, *, purpose: str) -> None:
        self.tenant_id = tenant_id
        self.purpose = purpose
        super().__init__(
            f"The lease of {tenant_id} for {purpose!r} ran out before it was renewed. What was "
            "done after that may overlap with somebody else's work; run the command again."
        )


class ShardUnavailable(PlacementError):
    """A shard takes no new tenant."""

    code = "placements.shard_unavailable"

    def __init__(self, shard: str, reason: str) -> None:
        self.shard = shard
        super().__init__(
            f"Shard {shard!r} takes no new tenant: {reason}. `manage.py list_shards` shows all; "
            "choose another one, or add one with `manage.py add_shard`."
        )


class NoShardAvailable(ShardUnavailable):
    """No shard at all takes a new tenant."""

    code = "placements.no_shard_available"

    def __init__(self, reasons: tuple[str, ...]) -> None:
        self.shard = ""
        self.reasons = reasons
        told = " ".join(f"{reason}." for reason in reasons) or "none is registered."
        PlacementError.__init__(
            self,
            f"No shard takes a new tenant: {told} Add one with `manage.py add_shard`, or set one "
            "active again.",
        )


class IdsInUse(PlacementError):
    """Ids that control believes to be free have schemas on a shard: they are tenants' already.

    Control was restored from a backup, or rows were taken away from it.
    """

    code = "placements.ids_in_use"
    retryable = True

    def __init__(self, shard: str, ids: Iterable[str]) -> None:
        self.shard = shard
        self.ids = tuple(ids)
        super().__init__(
            f"Control takes {', '.join(self.ids)} for free, and {shard!r} has schemas of these "
            "names: tenants that control has forgotten. No tenant was made, and nobody gets "
            f"these ids. Look at `manage.py check_drift --shard {shard}` and bring control further "
            "forward first (docs/how-to/back-up-and-restore.md, Restore control). The same "
            "command again then takes another id."
        )


class ShardNameTaken(PlacementError):
    """Another database has this shard's name, or this database another name."""

    code = "placements.shard_name_taken"

    def __init__(self, shard: str, why: str) -> None:
        self.shard = shard
        super().__init__(f"Shard {shard!r} cannot be added: {why}. Nothing was changed.")


class ShardNotRestored(PlacementError):
    """What is at a shard's address is not this shard, or not ready."""

    code = "placements.not_restored"

    def __init__(self, shard: str, why: str) -> None:
        self.shard = shard
        super().__init__(
            f"Shard {shard!r} cannot be used for this: {why}. Nothing was changed; look at its "
            "address in the registry."
        )


class ShardSealed(PlacementError):
    """A shard was restored from a backup, or sealed by hand, and was not compared yet."""

    code = "placements.sealed"

    def __init__(self, shard: str, *, found: int, wanted: int) -> None:
        self.shard = shard
        super().__init__(
            f"Shard {shard!r} is sealed: its server is of incarnation {found} and the registry "
            f"knows {wanted}. Nothing was changed; `manage.py open_restored_shard {shard}` "
            "compares it and lets it serve."
        )


class HoldNeedsReason(PlacementError):
    """A shard was to be held without a reason."""

    code = "placements.hold_needs_reason"

    def __init__(self, shard: str) -> None:
        self.shard = shard
        super().__init__(
            f"Say in a few words why {shard!r} is held: whoever looks at it sees the reason. "
            "Nothing was changed."
        )


class ShardHeld(PlacementError):
    """An operator holds a shard: nobody is served from it, and no command goes to its tenants.

    `manage.py release_shard` ends it.
    """

    code = "placements.shard_held"
    retryable = True

    def __init__(self, shard: str, *, reason: str, since: datetime) -> None:
        self.shard = shard
        self.reason = reason
        super().__init__(
            f"Shard {shard!r} is held since {since:%Y-%m-%d %H:%M:%S} UTC: {reason}. Nothing was "
            f"done there. When that is over: `manage.py release_shard {shard}`."
        )


class ShardStillServes(PlacementError):
    """The server that a standby is to replace still accepts writes."""

    code = "placements.still_serves"

    def __init__(self, shard: str, address: str) -> None:
        self.shard = shard
        self.address = address
        super().__init__(
            f"The primary of {shard!r} at {address} still accepts writes, and what it has not sent "
            "to its standby yet would be lost. Nothing was changed. Stop it first (a fast shutdown "
            "sends the rest), or say --although-it-serves."
        )


class NotPromoted(PlacementError):
    """A standby did not become a primary."""

    code = "placements.not_promoted"

    def __init__(self, shard: str, why: str) -> None:
        self.shard = shard
        super().__init__(
            f"The standby of {shard!r} was not promoted: {why} (docs/runbooks/fail-over.md)."
        )


class ProcessesBehind(PlacementError):
    """Processes still go by an older registry, and could write to a shard's old primary."""

    code = "placements.processes_behind"
    retryable = True

    def __init__(self, shard: str, *, version: int, processes: Iterable[str]) -> None:
        self.shard = shard
        told = list(processes)
        super().__init__(
            f"Shard {shard!r} serves nobody yet: {len(told)} processes do not go by version "
            f"{version} of the registry ({', '.join(told[:5])}{', …' * (len(told) > 5)}), and "
            "would write to the old primary if it woke up. Bring the registry file to their "
            "machines, or end them; then run the same command again. With --wait 0 nobody is "
            "waited for."
        )


class NoProcessGroups(PlacementError):
    """Nobody has said what processes there are, so no budget can be made."""

    code = "placements.no_process_groups"

    def __init__(self) -> None:
        super().__init__(
            "There is no budget without processes: describe them in ATOLL_PROCESS_GROUPS, such as "
            "`web=4x8 worker-alpha=2x1:alpha` (docs/how-to/pools.md)."
        )


class BudgetDoesNotFit(PlacementError):
    """The pools together would open more than the servers let them."""

    code = "placements.budget_does_not_fit"

    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__(f"The budget does not fit: {' '.join(problems)} Nothing was written.")


class TooFewTenants(PlacementError):
    """A shard has not the two tenants that a look at its pooler takes."""

    code = "placements.too_few_tenants"

    def __init__(self, shard: str) -> None:
        super().__init__(
            f"Two tenants of one shard are needed, and there are fewer on {shard}. Make two with "
            "`manage.py create_tenant`; they are only read."
        )


class InvalidShardName(PlacementError):
    """A shard's name cannot be used as alias, queue and file name."""

    code = "placements.invalid_shard_name"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"{name!r} is no name for a shard: give 1 to 30 lower-case letters, digits and "
            "hyphens, a letter first, and none of `control`, `default`."
        )
