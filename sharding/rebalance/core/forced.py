"""Moves that somebody's order makes necessary, whether or not shards get more even. Pure."""

from collections import defaultdict
from collections.abc import Iterator

from sharding.rebalance.core.ledger import Ledger
from sharding.rebalance.core.plans import Why


def forced_reason(ledger: Ledger, tenant: int) -> Why | None:
    """Why it cannot stay where it is, if it cannot; its group is asked in `doubled`."""
    facts, shard = ledger.tenants[tenant], ledger.shards[ledger.home[tenant]]
    if facts.pinned_to not in ("", shard.name):
        return Why.PIN
    if shard.draining:
        return Why.DRAIN
    if not facts.labels <= shard.labels:
        return Why.LABEL
    return None


def must_leave(ledger: Ledger) -> Iterator[tuple[int, Why]]:
    """Who cannot stay, the largest first, since that finds a place hardest."""
    found = []
    for at, shard in enumerate(ledger.shards):
        for tenant in ledger.members[at]:
            facts = ledger.tenants[tenant]
            if shard.draining or facts.pinned_to or facts.labels:
                why = forced_reason(ledger, tenant)
                if why is not None:
                    found.append((-_share(ledger, tenant), tenant, why))
    for _, tenant, why in sorted(found):
        yield tenant, why
    for tenant in doubled(ledger):
        yield tenant, Why.APART


def doubled(ledger: Ledger) -> list[int]:
    """Of tenants of one group on one shard all but the one that is hardest to move."""
    if all(count < 2 for count in ledger.groups.values()):
        return []
    together = defaultdict(list)
    for at, tenant in enumerate(ledger.tenants):
        if tenant.group and ledger.groups[tenant.group, ledger.home[at]] > 1:
            together[tenant.group, ledger.home[at]].append(at)
    found = []
    for members in together.values():
        members.sort(
            key=lambda at: (
                ledger.held[at] is None,
                not ledger.tenants[at].pinned_to,
                -_share(ledger, at),
                at,
            )
        )
        found += members[1:]
    return found


def _share(ledger: Ledger, tenant: int) -> float:
    """Of its shard's capacity, in the dimension in which it takes most."""
    capacity = ledger.capacity[ledger.home[tenant]]
    return max(each / whole for each, whole in zip(ledger.cost[tenant], capacity, strict=True))
